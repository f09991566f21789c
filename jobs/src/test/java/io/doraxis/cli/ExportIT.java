package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Exports by the command line, from files to directories. */
class ExportIT {
    private static final String LINEAR = "lycoris_b_lin";
    private static final String WEIGHTS = "out/adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.b.lin.";

    private MergeFolder folder;

    @BeforeEach
    void makeFiles(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        folder.write("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 5));
        folder.write("lora.safetensors", MergeFolder.lora(LINEAR, 2, 3, 6, 5));
        folder.write("output.safetensors", dora(Shape.of(6, 1)));
        folder.write("input.safetensors", dora(Shape.of(1, 5)));
    }

    private static Tensor[] dora(Shape magnitude) {
        float[] values = MergeFolder.random(9, Math.toIntExact(magnitude.elements()));
        return MergeFolder.and(
                MergeFolder.lora(LINEAR, 2, 3, 6, 5), Tensor.ofFloats(LINEAR + ".dora_scale", magnitude, values));
    }

    private Called export(String adapter, String... more) {
        Stream<String> args = Stream.of(
                "export",
                "--input",
                folder.at(adapter),
                "--base",
                folder.at("base.safetensors"),
                "--output",
                folder.at("out"));
        return Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
    }

    private String config() throws IOException {
        return new String(folder.bytes("out/adapter_config.json"), StandardCharsets.UTF_8);
    }

    @Test
    void factorsKeepTheirBytesUnderTheNamesOfThePeftLayout() throws Exception {
        Called called = export("lora.safetensors");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("DONE").contains("1 modules as PEFT LORA");
        assertThat(folder.data(WEIGHTS, PREFIX + "lora_A.weight"))
                .isEqualTo(folder.data("lora.safetensors", LINEAR + ".lora_down.weight"));
        assertThat(folder.data(WEIGHTS, PREFIX + "lora_B.weight"))
                .isEqualTo(folder.data("lora.safetensors", LINEAR + ".lora_up.weight"));
        assertThat(config())
                .contains("\"r\" : 3", "\"lora_alpha\" : 3", "\"use_dora\" : false")
                .contains("\"target_modules\" : \"^(b\\\\.lin)$\"");
        assertThat(export("lora.safetensors").out()).contains("UP_TO_DATE");
    }

    @Test
    void theMagnitudeOfTheOutputAxisBecomesAVector() throws Exception {
        assertThat(export("output.safetensors").status()).isZero();
        assertThat(folder.tensor(WEIGHTS, PREFIX + "lora_magnitude_vector").shape())
                .isEqualTo(Shape.of(6));
        assertThat(config()).contains("\"use_dora\" : true");
    }

    @Test
    void headerAndCardSayWhereItComesFrom() throws Exception {
        export("output.safetensors");
        assertThat(folder.header(WEIGHTS).metadata())
                .containsEntry("doraxis.plan", "1 LORA DoRA -> LORA DoRA")
                .containsKeys("doraxis.source", "doraxis.version", "doraxis.rules_version", "doraxis.base");
        byte[] card = folder.bytes("out/README.md");
        assertThat(new String(card, StandardCharsets.UTF_8))
                .startsWith("---\nlibrary_name: peft\n")
                .contains("# output.safetensors in PEFT's layout", "| 1 | LORA DoRA -> LORA DoRA |");
        byte[] weights = folder.bytes(WEIGHTS);
        folder.delete(WEIGHTS);
        export("output.safetensors");
        assertThat(folder.bytes("out/README.md")).isEqualTo(card);
        assertThat(folder.bytes(WEIGHTS)).isEqualTo(weights);
        export("input.safetensors", "--input-axis", "ia3-lora");
        assertThat(new String(folder.bytes("out/2-ia3/README.md"), StandardCharsets.UTF_8))
                .contains("- ia3\n");
    }

    private void isRefused(Called called, String code) {
        assertThat(called.status()).as(called.out()).isEqualTo(4);
        assertThat(called.err()).contains("REFUSED: " + code);
        assertThat(folder.files()).noneMatch(name -> name.startsWith("out/"));
    }

    @Test
    void whatIsNotExactIsRefusedAndLeavesNothing() throws Exception {
        isRefused(export("input.safetensors"), "INPUT_AXIS");
        isRefused(export("base.safetensors"), "NOT_AN_ADAPTER");
        folder.write(
                "more.safetensors",
                MergeFolder.and(
                        MergeFolder.lora(LINEAR, 2, 3, 6, 5), MergeFolder.lora("lycoris_elsewhere", 4, 3, 6, 5)));
        isRefused(export("more.safetensors"), "UNMATCHED");
        assertThat(export("more.safetensors", "--allow-unmatched").out()).contains("warning");
    }

    @Test
    void whatIsRefusedWhileItIsComputedLeavesAnEarlierExportAsItIs() throws Exception {
        folder.write(
                "infinite.safetensors",
                MergeFolder.randomTensor(LINEAR + ".lora_down.weight", 2, 1, 5),
                Tensor.ofFloats(LINEAR + ".lora_up.weight", Shape.of(6, 1), 1, 2, 3, 4, 5, Float.POSITIVE_INFINITY),
                Tensor.ofFloats(LINEAR + ".alpha", Shape.of(), 0.5f));
        isRefused(export("infinite.safetensors", "--fold-alpha"), "NOT_FINITE");

        export("lora.safetensors");
        String config = config();
        byte[] card = folder.bytes("out/README.md");
        assertThat(export("infinite.safetensors", "--fold-alpha").status()).isEqualTo(4);

        assertThat(config()).isEqualTo(config);
        assertThat(folder.bytes("out/README.md")).isEqualTo(card);
        assertThat(folder.files().stream().filter(name -> name.startsWith("out/")))
                .containsExactly("out/README.md", "out/adapter_config.json", WEIGHTS);
    }

    @Test
    void oneAdapterIsNotLeftAboveSeveral() throws Exception {
        export("output.safetensors");
        assertThat(export("input.safetensors", "--input-axis", "ia3-lora").status())
                .isZero();
        assertThat(folder.files())
                .contains("out/1-lora/adapter_config.json", "out/2-ia3/adapter_config.json")
                .doesNotContain("out/adapter_config.json", WEIGHTS);
    }

    @Test
    void theInputAxisIsRefusedWithItsFormsAndTheirSizes() throws Exception {
        Called called = export("input.safetensors");
        assertThat(called.err())
                .contains("ia3-lora (152 bytes)", "glora (", "full-weights (120 bytes)", "or auto", "low-rank (156 ");
    }

    @Test
    void theInputAxisBecomesFactorsAndWhatScalesTheInputsOfWhatTheyAreMergedInto() throws Exception {
        Called called = export("input.safetensors", "--input-axis", "ia3-lora");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(folder.data("out/1-lora/adapter_model.safetensors", PREFIX + "lora_A.weight"))
                .isEqualTo(folder.data("lora.safetensors", LINEAR + ".lora_down.weight"));
        double[] direction = folder.values("base.safetensors", "b.lin.weight");
        double[] up = folder.values("input.safetensors", LINEAR + ".lora_up.weight");
        double[] down = folder.values("input.safetensors", LINEAR + ".lora_down.weight");
        double[] magnitude = folder.values("input.safetensors", LINEAR + ".dora_scale");
        double[] factors = folder.values("out/2-ia3/adapter_model.safetensors", PREFIX + "ia3_l");
        for (int in = 0; in < 5; in++) {
            double square = 0;
            for (int out = 0; out < 6; out++) {
                double sum = direction[out * 5 + in];
                for (int rank = 0; rank < 3; rank++) {
                    sum += up[out * 3 + rank] * down[rank * 5 + in];
                }
                square += sum * sum;
            }
            assertThat(factors[in]).isCloseTo(magnitude[in] / (Math.sqrt(square) + 0x1p-23), Offset.offset(1e-6));
        }
        assertThat(export("input.safetensors", "--input-axis", "ia3-lora").out())
                .contains("UP_TO_DATE");
    }

    @Test
    void theInputAxisBecomesOneGlora() throws Exception {
        assertThat(export("input.safetensors", "--input-axis", "glora").status())
                .isZero();
        assertThat(config())
                .contains("\"peft_type\" : \"GLORA\"", "\"r\" : 3", "\"config_C\" : \"none\"")
                .doesNotContain("alpha");
        assertThat(folder.tensor(WEIGHTS, PREFIX + "glora_C.zeros").shape()).isEqualTo(Shape.of(5, 1));
    }

    @Test
    void wholeWeightsAreThoseThatAMergeWrites() throws Exception {
        assertThat(export("input.safetensors", "--input-axis", "full-weights").status())
                .isZero();
        folder.merge("input.safetensors", "base.safetensors", "merged.safetensors");
        assertThat(folder.data(WEIGHTS, PREFIX + "weight"))
                .isEqualTo(folder.data("merged.safetensors", "b.lin.weight"));
        assertThat(config())
                .contains("\"modules_to_save\" : [ \"b.lin\" ]", "\"target_modules\" : \"dummy-target-modules\"");
    }

    @Test
    void anAxisThatIsOpenIsAskedFor() throws Exception {
        folder.write("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 6));
        folder.write(
                "open.safetensors",
                MergeFolder.and(
                        MergeFolder.lora(LINEAR, 2, 3, 6, 6),
                        Tensor.ofFloats(LINEAR + ".dora_scale", Shape.of(6), MergeFolder.random(9, 6))));
        isRefused(export("open.safetensors"), "AXIS_AMBIGUOUS");
        isRefused(export("open.safetensors", "--assume-axis", "input"), "INPUT_AXIS");
        assertThat(export("open.safetensors", "--assume-axis", "output").out()).contains("LORA with DoRA");
    }

    @Test
    void magnitudesUnderTwoNamesAreRefusedByMergesToo() throws Exception {
        folder.write(
                "two.safetensors",
                MergeFolder.and(
                        dora(Shape.of(6, 1)), MergeFolder.randomTensor(LINEAR + ".lora_magnitude_vector", 3, 6)));
        isRefused(export("two.safetensors"), "NOT_EXPRESSIBLE");
        Called merged = folder.merge("two.safetensors", "base.safetensors", "out/merged.safetensors");
        isRefused(merged, "UNSUPPORTED_MODULE: " + LINEAR + ": it has magnitudes under two names");
    }

    @Test
    void whatIsReadIsNotReplaced() throws Exception {
        folder.write("out/adapter_model.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 5));
        byte[] base = folder.bytes("out/adapter_model.safetensors");
        Files.createSymbolicLink(Path.of(folder.at("link")), Path.of(folder.at("out")));
        for (String output : List.of("out", "link")) {
            Called called = Called.doraxis(
                    "export",
                    "--input",
                    folder.at("lora.safetensors"),
                    "--base",
                    folder.at("out/adapter_model.safetensors"),
                    "--output",
                    folder.at(output));
            assertThat(called.status()).isEqualTo(4);
            assertThat(called.err()).contains("REFUSED: UNSUPPORTED_OUTPUT");
        }
        assertThat(folder.bytes("out/adapter_model.safetensors")).isEqualTo(base);
    }

    @Test
    void aBaseOfAnotherShapeIsRefused() throws Exception {
        folder.write("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 7, 5));
        isRefused(export("lora.safetensors"), "SHAPE_MISMATCH");
    }

    @Test
    void withoutABaseTheMessageSaysWhatItIsNeededFor() {
        Called called =
                Called.doraxis("export", "--input", folder.at("lora.safetensors"), "--output", folder.at("out"));
        isRefused(called, "NEEDS_BASE_NAMES");
        called = Called.doraxis("export", "--input", folder.at("input.safetensors"), "--output", folder.at("out"));
        isRefused(called, "NEEDS_BASE_WEIGHTS");
    }

    private Called back(String... more) {
        Stream<String> args =
                Stream.of("export", "--input", folder.at("out"), "--output", folder.at("back"), "--layout", "lycoris");
        return Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
    }

    @Test
    void thereAndBackAgainFactorsAndMagnitudeAreTheSame() throws Exception {
        export("output.safetensors");
        Called called = back();
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("EXACT", "1 PEFT LORA DoRA -> LyCORIS LORA DoRA");
        String file = "back/lycoris.safetensors";
        for (String name : new String[] {".lora_down.weight", ".lora_up.weight", ".dora_scale"}) {
            assertThat(folder.data(file, LINEAR + name)).isEqualTo(folder.data("output.safetensors", LINEAR + name));
        }
        assertThat(folder.tensor(file, LINEAR + ".dora_scale").shape()).isEqualTo(Shape.of(6, 1));
        assertThat(folder.values(file, LINEAR + ".alpha")).containsExactly(3);
        assertThat(new String(folder.bytes("back/README.md"), StandardCharsets.UTF_8))
                .contains("library_name: lycoris", "create_lycoris_from_weights(1.0, file, model)");
        assertThat(back().out()).contains("UP_TO_DATE");
        assertThat(back("--names", "kohya", "--dry-run").out()).contains("PLANNED", "3 to copy, 1 to compute");
        back("--names", "kohya");
        assertThat(folder.tensor(file, "lora_unet_b_lin.lora_up.weight").shape())
                .isEqualTo(Shape.of(6, 3));
    }

    @Test
    void textEncodersAreCalledAsOneTransformersOrTheOtherDoes() throws Exception {
        String layer = "encoder.layers.0.mlp.fc1";
        folder.write(
                "base.safetensors",
                MergeFolder.randomTensor("text_encoder.text_model." + layer + ".weight", 1, 6, 5),
                MergeFolder.randomTensor("text_encoder_2.text_model." + layer + ".weight", 2, 6, 5),
                MergeFolder.randomTensor("text_encoder_2.text_projection.weight", 3, 2, 2));
        folder.write(
                "both.safetensors",
                MergeFolder.and(
                        MergeFolder.lora("lora_te1_text_model_encoder_layers_0_mlp_fc1", 2, 3, 6, 5),
                        MergeFolder.lora("lora_te2_text_model_encoder_layers_0_mlp_fc1", 3, 4, 6, 5)));
        Called called = export("both.safetensors", "--transformers-naming", "v5", "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        String key = "base_model.model.%s.lora_A.weight";
        assertThat(folder.tensor("out/text_encoder/adapter_model.safetensors", key.formatted(layer)))
                .isNotNull();
        assertThat(folder.tensor("out/text_encoder_2/adapter_model.safetensors", key.formatted("text_model." + layer)))
                .isNotNull();
        assertThat(new String(folder.bytes("out/text_encoder/adapter_config.json"), StandardCharsets.UTF_8))
                .contains("\"target_modules\" : \"^(encoder\\\\.layers");
        assertThat(export("both.safetensors", "--transformers-naming", "v4").out())
                .contains("DONE");
        assertThat(folder.tensor("out/text_encoder/adapter_model.safetensors", key.formatted("text_model." + layer)))
                .isNotNull();
        called = export("both.safetensors", "--layout", "lycoris", "--transformers-naming", "v4");
        assertThat(called.status()).isEqualTo(64);
    }

    @Test
    void diffusersFileComesBackToLycorisWithTheAlphasOfItsHeader() throws Exception {
        folder.write(
                "base.safetensors",
                MergeFolder.randomTensor("unet.down_blocks.0.lin.weight", 1, 6, 5),
                MergeFolder.randomTensor("text_encoder.text_model.lin.weight", 2, 6, 5));
        Tensor[] both = MergeFolder.and(
                MergeFolder.lora("lora_unet_down_blocks_0_lin", 2, 3, 6, 5),
                MergeFolder.lora("lora_te_text_model_lin", 3, 4, 6, 5));
        for (int i = 0; i < both.length; i++) {
            boolean alpha = both[i].name().endsWith(".alpha");
            both[i] = alpha ? Tensor.ofFloats(both[i].name(), Shape.of(), 1.5f + i) : both[i];
        }
        folder.write("both.safetensors", both);
        assertThat(export("both.safetensors", "--layout", "diffusers").status()).isZero();
        Files.move(
                Path.of(folder.at("out/pytorch_lora_weights.safetensors")),
                Path.of(folder.at("diffusers.safetensors")));
        Called called = export("diffusers.safetensors", "--layout", "lycoris", "--names", "kohya");
        assertThat(called.status()).as(called.err()).isZero();
        for (Tensor tensor : both) {
            assertThat(folder.data("out/lycoris.safetensors", tensor.name()))
                    .as(tensor.name())
                    .isEqualTo(tensor.data());
        }
    }

    /** Factors that torch wrote as views of their storages have the order of their shapes in what is written. */
    @ParameterizedTest
    @ValueSource(strings = {"zip_adapter_of_views", "legacy_adapter_of_views"})
    void viewsOfATorchFileAreWrittenInTheOrderOfTheirShapes(String name) throws Exception {
        Path torch = Path.of("../common/src/test/resources/torch");
        Files.copy(torch.resolve(name + ".pt"), Path.of(folder.at("adapter.pt")));
        folder.write(
                "base.safetensors",
                MergeFolder.randomTensor("b.turned.weight", 1, 4, 5),
                MergeFolder.randomTensor("b.wide.weight", 2, 4, 5),
                MergeFolder.randomTensor("b.rest.weight", 3, 3, 5));
        Called called = export("adapter.pt", "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("3 modules as PEFT LORA with DoRA", "verified");
        JsonNode expected = new ObjectMapper()
                .readTree(torch.resolve("expected.json").toFile())
                .get(name);
        for (String layer : List.of("turned", "wide", "rest")) {
            String written = "base_model.model.b." + layer + ".";
            String stored = "lycoris_b_" + layer + ".";
            isStored(expected, stored + "lora_down.weight", written + "lora_A.weight");
            isStored(expected, stored + "lora_up.weight", written + "lora_B.weight");
            isStored(expected, stored + "dora_scale", written + "lora_magnitude_vector");
        }
    }

    private void isStored(JsonNode expected, String name, String written) throws Exception {
        assertThat(folder.data(WEIGHTS, written))
                .as(name)
                .isEqualTo(
                        HexFormat.of().parseHex(expected.get(name).get("data").textValue()));
    }

    @Test
    void namesAreOfOneLayoutOnly() {
        Called called = export("lora.safetensors", "--names", "kohya");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("--names is of --layout lycoris");
    }

    @Test
    void alphaIsMultipliedIntoTheFactors() throws Exception {
        Tensor[] half = MergeFolder.lora(LINEAR, 2, 3, 6, 5);
        for (int i = 0; i < half.length; i++) {
            half[i] = half[i].name().endsWith(".alpha")
                    ? Tensor.ofFloats(half[i].name(), half[i].shape(), 1.5f)
                    : half[i];
        }
        folder.write("half.safetensors", half);
        assertThat(export("half.safetensors", "--fold-alpha").status()).isZero();
        assertThat(config()).contains("\"lora_alpha\" : 3", "\"r\" : 3", "\"alpha_pattern\" : { }");
        double[] up = folder.values("half.safetensors", LINEAR + ".lora_up.weight");
        double[] written = folder.values(WEIGHTS, PREFIX + "lora_B.weight");
        for (int i = 0; i < up.length; i++) {
            assertThat(written[i]).isEqualTo(up[i] / 2);
        }
        assertThat(export("half.safetensors", "--layout", "lycoris", "--fold-alpha")
                        .status())
                .isEqualTo(64);
    }

    @Test
    void diffusersHasOneFileForAllComponents() throws Exception {
        folder.write(
                "base.safetensors",
                MergeFolder.randomTensor("unet.down_blocks.0.lin.weight", 1, 6, 5),
                MergeFolder.randomTensor("text_encoder.text_model.lin.weight", 2, 6, 5));
        folder.write(
                "both.safetensors",
                MergeFolder.and(
                        MergeFolder.lora("lora_unet_down_blocks_0_lin", 2, 3, 6, 5),
                        MergeFolder.lora("lora_te_text_model_lin", 3, 4, 6, 5)));
        Called called = export("both.safetensors", "--layout", "diffusers");
        assertThat(called.status()).as(called.err()).isZero();
        String file = "out/pytorch_lora_weights.safetensors";
        assertThat(folder.data(file, "unet.down_blocks.0.lin.lora_A.weight"))
                .isEqualTo(folder.data("both.safetensors", "lora_unet_down_blocks_0_lin.lora_down.weight"));
        assertThat(folder.tensor(file, "text_encoder.text_model.lin.lora_B.weight")
                        .shape())
                .isEqualTo(Shape.of(6, 4));
        assertThat(folder.header(file).metadata().get("lora_adapter_metadata"))
                .contains("\"unet.r\" : 3", "\"text_encoder.r\" : 4");
        assertThat(folder.files()).filteredOn(name -> name.startsWith("out/")).hasSize(2);
        assertThat(export("both.safetensors", "--layout", "diffusers").out()).contains("UP_TO_DATE");
    }

    /** PEFT divides by the norms of rows, LyCORIS adds a little first. */
    @Test
    void aLayerWithARowOfZerosIsWrittenWhole() throws Exception {
        float[] up = MergeFolder.random(3, 18);
        float[] base = MergeFolder.random(1, 30);
        for (int i = 0; i < 3; i++) {
            up[i] = 0;
        }
        for (int i = 0; i < 5; i++) {
            base[i] = 0;
        }
        folder.write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(6, 5), base));
        Tensor[] dora = dora(Shape.of(6, 1));
        dora[1] = Tensor.ofFloats(LINEAR + ".lora_up.weight", Shape.of(6, 3), up);
        folder.write("output.safetensors", dora);
        assertThat(export("output.safetensors").out()).contains("1 layers as whole weights");
        assertThat(folder.values(WEIGHTS, PREFIX + "weight"))
                .startsWith(0, 0, 0, 0, 0)
                .doesNotContain(Double.NaN);
    }

    @Test
    void aDryRunSaysWhatWouldBeDoneAndWritesNothing() throws Exception {
        Called called = export("input.safetensors", "--input-axis", "auto", "--dry-run");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .contains("PLANNED", "outcome       EXACT_WITH_BASE", "1 LORA DoRA on inputs -> whole weights")
                .contains("0 to copy, 1 to compute; 120 bytes");
        assertThat(folder.files()).noneMatch(name -> name.startsWith("out/"));
        isRefused(export("input.safetensors", "--dry-run"), "INPUT_AXIS");
        folder.writeText("plan.csv", plan());
        called = Called.doraxis(
                "export",
                "--plan",
                folder.at("plan.csv"),
                "--output",
                folder.at("run"),
                "--master",
                "local[2]",
                "--dry-run");
        assertThat(called.out()).contains("3 exports: 2 EXACT, 1 REFUSED INPUT_AXIS; ", "nothing was written");
        assertThat(called.status()).isEqualTo(4);
        assertThat(folder.files()).noneMatch(name -> name.startsWith("made/") || name.startsWith("run/"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ia3-lora", "glora", "full-weights"})
    void whatWasWrittenIsReadAgainAndAMistakeInItIsSeen(String form) throws Exception {
        String[] options = {"--input-axis", form, "--verify"};
        Called called = export("input.safetensors", options);
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .containsPattern("verified      largest relative error of a tensor [0-9.]+e-0[789]|0.00e");
        Path weights = folder.path().resolve(form.equals("ia3-lora") ? "out/2-ia3/adapter_model.safetensors" : WEIGHTS);
        byte[] bytes = Files.readAllBytes(weights);
        int at = form.equals("glora") ? bytes.length - 4 * (6 + 6 + 5) - 1 : bytes.length - 1; // zeros stand last
        bytes[at] ^= 0x01;
        Files.write(weights, bytes);
        called = export("input.safetensors", options);
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("FAILED: NOT_AS_SOURCE: b.lin.weight is ");
    }

    @Test
    void verifyingNeedsABase() {
        Called called = Called.doraxis(
                "export", "--input", folder.at("lora.safetensors"), "--output", folder.at("out"), "--verify");
        assertThat(called.status()).isEqualTo(64);
    }

    /** Of three adapters. */
    private String plan() {
        return Stream.of("lora", "output", "input")
                .map(name -> "%s,%s,%s%n"
                        .formatted(
                                folder.at(name + ".safetensors"),
                                folder.at("base.safetensors"),
                                folder.at("made/" + name)))
                .reduce("adapter,base,output\n", String::concat);
    }

    @Test
    void aPlanHasARowForEachOfItsExports() throws Exception {
        folder.writeText("plan.csv", plan());
        Called called = Called.doraxis(
                "export", "--plan", folder.at("plan.csv"), "--output", folder.at("run"), "--master", "local[2]");
        assertThat(called.status()).as(called.err()).isEqualTo(4);
        assertThat(called.out()).contains("3 exports: 2 DONE, 1 REFUSED");
        assertThat(folder.files())
                .contains("made/lora/adapter_model.safetensors", "made/output/adapter_config.json")
                .noneMatch(name -> name.startsWith("made/input/") || name.endsWith(".tmp"));
    }

    private Called audited(String where, String... more) {
        Stream<String> args = Stream.of(
                "export",
                "--audit",
                folder.at("audit"),
                "--where",
                where,
                "--base",
                folder.at("base.safetensors"),
                "--output",
                folder.at("run"),
                "--master",
                "local[2]");
        return Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
    }

    @Test
    void anAuditListsWhatAPredicatePicks() throws Exception {
        Called audit = Called.doraxis(
                "audit", "--input", folder.path().toString(), "--output", folder.at("audit"), "--master", "local[2]");
        assertThat(audit.status()).as(audit.err()).isZero();
        Called called = audited("kind = 'ADAPTER' AND (axis = 'OUTPUT' OR NOT has_dora)");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("2 exports: 2 DONE");
        String below = "run/adapters" + folder.path() + "/";
        assertThat(folder.files())
                .contains(
                        below + "lora.safetensors/adapter_model.safetensors",
                        below + "output.safetensors/adapter_model.safetensors")
                .noneMatch(name -> name.startsWith(below + "input"));
        assertThat(audited("no_such_column = 1", "--dry-run").err()).contains("--where no_such_column = 1: ");
        assertThat(Called.doraxis("export", "--audit", folder.at("audit"), "--output", folder.at("run"))
                        .status())
                .isEqualTo(64);
    }
}
