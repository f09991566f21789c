package io.doraxis.cli;

import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.fs.FileUtil;

/**
 * A hub of small invented checkpoints: every kind that a real one holds, of both axes, with some that are broken. The
 * same number of files gives the same bytes.
 */
final class DemoHub {
    private static final int ORGANISATIONS = 7;
    private static final int[][] LAYERS = {{24, 16}, {16, 24}, {16, 16}, {48, 16}};
    private static final String[] NAMES = {"attn_to_k", "attn_to_v", "attn_to_q", "ff_net_0_proj"};

    private final Path root;
    private final Random random = new Random(7);

    private DemoHub(Path root) {
        this.root = root;
    }

    static void write(Path root, int files) throws IOException {
        DemoHub hub = new DemoHub(root);
        for (int i = 0; i < files; i++) {
            hub.writeOne(i);
        }
    }

    /** Removes the hub of an earlier demo. */
    static void clear(Path root) {
        for (int org = 0; org < ORGANISATIONS; org++) {
            FileUtil.fullyDelete(root.resolve(organisation(org)).toFile());
        }
    }

    private static String organisation(int number) {
        return "org%02d".formatted(number);
    }

    /** One worth explaining. */
    static Path example(Path root) {
        return root.resolve("org00/lycoris-input-000000/style.safetensors");
    }

    private void writeOne(int index) throws IOException {
        String org = organisation(index % ORGANISATIONS);
        switch (index % 10) {
            case 0 -> lycoris(org, "lycoris-input-%06d", index, true, false);
            case 1, 2 -> lycoris(org, "lycoris-output-%06d", index, false, false);
            case 3 -> lycoris(org, "renamed-square-%06d", index, false, true);
            case 4, 5 -> peft(org, index, true);
            case 6 -> peft(org, index, false);
            case 7 -> plain(org, index);
            case 8 -> model(org, index);
            default -> broken(org, index);
        }
    }

    private void lycoris(String org, String name, int index, boolean input, boolean flatSquare) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (int layer = 0; layer < LAYERS.length; layer++) {
            int out = flatSquare ? 16 : LAYERS[layer][0];
            int in = flatSquare ? 16 : LAYERS[layer][1];
            String module = "lora_unet_mid_block_" + NAMES[layer];
            factors(tensors, module, "lora_down", "lora_up", out, in);
            tensors.add(Tensor.ofFloats(module + ".alpha", Shape.of(), 2));
            Shape magnitude = flatSquare ? Shape.of(out) : input ? Shape.of(1, in) : Shape.of(out, 1);
            tensors.add(values(module + ".dora_scale", magnitude, 1));
        }
        Map<String, String> metadata = Map.of(
                "ss_network_module",
                "lycoris.kohya",
                "ss_network_args",
                "{\"algo\": \"locon\", \"dora_wd\": \"True\", \"wd_on_output\": \"%s\"}"
                        .formatted(input ? "False" : "True"));
        file(org, name.formatted(index), "style.safetensors", tensors, metadata);
    }

    private void peft(String org, int index, boolean dora) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (int layer = 0; layer < LAYERS.length; layer++) {
            String module = "base_model.model.layers.0." + NAMES[layer];
            factors(tensors, module, "lora_A", "lora_B", LAYERS[layer][0], LAYERS[layer][1]);
            if (dora) {
                tensors.add(values(module + ".lora_magnitude_vector", Shape.of(LAYERS[layer][0]), 1));
            }
        }
        String repository = (dora ? "peft-dora-%06d" : "peft-lora-%06d").formatted(index);
        file(org, repository, "adapter_model.safetensors", tensors, Map.of("format", "pt"));
        String config =
                "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"use_dora\": %s, \"target_modules\": [\"%s\"]}"
                        .formatted(dora, String.join("\", \"", NAMES));
        Files.writeString(root.resolve(org).resolve(repository).resolve("adapter_config.json"), config);
    }

    private void plain(String org, int index) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (int layer = 0; layer < LAYERS.length; layer++) {
            String module = "lora_unet_mid_block_" + NAMES[layer];
            factors(tensors, module, "lora_down", "lora_up", LAYERS[layer][0], LAYERS[layer][1]);
            tensors.add(Tensor.ofFloats(module + ".alpha", Shape.of(), 4));
        }
        file(org, "plain-%06d".formatted(index), "lora.safetensors", tensors, Map.of());
        Files.writeString(
                root.resolve(org).resolve("plain-%06d".formatted(index)).resolve("README.md"),
                "---\nlicense: apache-2.0\n---\n# An invented adapter\n");
    }

    private void model(String org, int index) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (int layer = 0; layer < LAYERS.length; layer++) {
            tensors.add(values(
                    "model.layers.%d.mlp.weight".formatted(layer), Shape.of(LAYERS[layer][0], LAYERS[layer][1]), 0));
        }
        file(org, "model-%06d".formatted(index), "model.safetensors", tensors, Map.of("format", "pt"));
    }

    private void broken(String org, int index) throws IOException {
        byte[] bytes = switch (index / 10 % 4) {
            case 0 -> new byte[0];
            case 1 ->
                ("version https://git-lfs.github.com/spec/v1\noid sha256:" + "a".repeat(64) + "\nsize 151112152\n")
                        .getBytes(StandardCharsets.UTF_8);
            case 2 -> "<!DOCTYPE html><html><body>Access denied</body></html>".getBytes(StandardCharsets.UTF_8);
            default -> new byte[] {64, 0, 0, 0, 0, 0, 0, 0, '{', '"'};
        };
        Path folder = Files.createDirectories(root.resolve(org).resolve("broken-%06d".formatted(index)));
        Files.write(folder.resolve("lora.safetensors"), bytes);
    }

    private void factors(List<Tensor> tensors, String module, String down, String up, int out, int in) {
        tensors.add(values("%s.%s.weight".formatted(module, down), Shape.of(4, in), 0));
        tensors.add(values("%s.%s.weight".formatted(module, up), Shape.of(out, 4), 0));
    }

    private Tensor values(String name, Shape shape, float mean) {
        float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = mean + 0.05f * (float) random.nextGaussian();
        }
        return Tensor.ofFloats(name, shape, values);
    }

    private void file(String org, String repository, String name, List<Tensor> tensors, Map<String, String> metadata)
            throws IOException {
        Path folder = Files.createDirectories(root.resolve(org).resolve(repository));
        try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
            SafetensorsWriter.write(out, tensors, metadata);
        }
    }
}
