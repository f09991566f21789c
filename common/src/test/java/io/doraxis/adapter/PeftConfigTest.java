package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.Resources;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PeftConfigTest {
    private static final byte[] REAL = Resources.bytes("golden/peft_rank_alpha_pattern/adapter/adapter_config.json");

    @Test
    void readsWhatPeftSaves() throws Exception {
        PeftConfig config = PeftConfig.parse(Resources.bytes("golden/peft_dora_linear/adapter/adapter_config.json"));
        assertThat(config.peftType()).isEqualTo("LORA");
        assertThat(config.useDora()).isTrue();
        assertThat(config.useRslora()).isFalse();
        assertThat(config.rank()).isEqualTo(4);
        assertThat(config.alpha()).isEqualTo(8);
        assertThat(config.targets().modules().isExpression()).isFalse();
        assertThat(config.targets().modules().names()).isNotEmpty();
    }

    @Test
    void alphaIsCalledAsTheTypeCallsItAndTheOtherNameIsIgnored() throws Exception {
        assertThat(parse("{\"peft_type\":\"LORA\",\"lora_alpha\":16,\"alpha\":2}")
                        .alpha())
                .isEqualTo(16);
        assertThat(parse("{\"peft_type\":\"LORA\",\"alpha\":2}").alpha()).isNull();
        assertThat(parse("{\"peft_type\":\"LOKR\",\"lora_alpha\":16,\"alpha\":2}")
                        .alpha())
                .isEqualTo(2);
        assertThat(parse("{\"peft_type\":\"LOHA\",\"use_rslora\":true}").useRslora())
                .isFalse();
    }

    @Test
    void patternsKeepTheFilesOrder() throws Exception {
        PeftConfig config = parse("{\"rank_pattern\":{\"z\":1,\"a\":2,\"m\":3.0},\"alpha_pattern\":{\"b\":1.5}}");
        assertThat(config.rankPattern()).containsExactly(Map.entry("z", 1.0), Map.entry("a", 2.0), Map.entry("m", 3.0));
        assertThat(config.alphaPattern()).containsExactly(Map.entry("b", 1.5));
    }

    @Test
    void targetsAreNamesOrOneExpression() throws Exception {
        PeftConfig names = parse("{\"target_modules\":[\"q_proj\",\"mlp.fc1\"]}");
        assertThat(names.targets("layers.0.q_proj")).isTrue();
        assertThat(names.targets("q_proj")).isTrue();
        assertThat(names.targets("layers.0.mlp.fc1")).isTrue();
        assertThat(names.targets("layers.0.xq_proj")).isFalse();
        PeftConfig expression = parse("{\"target_modules\":\".*\\\\.(q|v)_proj\"}");
        assertThat(expression.targets("layers.0.v_proj")).isTrue();
        assertThat(expression.targets("layers.0.k_proj")).isFalse();
        assertThat(parse("{\"target_modules\":\"all-linear\"}").targets("x")).isTrue();
        assertThat(parse("{}").targets("x")).isTrue();
        assertThat(parse("{\"target_modules\":null}").targets("x")).isTrue();
        assertThat(parse("{\"target_modules\":\"(\"}").targets("x")).isTrue();
    }

    @Test
    void whatIsExcludedOrSavedInFullIsNoTarget() throws Exception {
        PeftConfig names = parse("{\"target_modules\":[\"fc\"],\"exclude_modules\":[\"visual.fc\"]}");
        assertThat(names.targets("a.fc")).isTrue();
        assertThat(names.targets("a.visual.fc")).isFalse();
        assertThat(names.targets("a.xvisual.fc")).isTrue();
        PeftConfig expression = parse("{\"target_modules\":\".*fc\",\"exclude_modules\":\"visual.*\"}");
        assertThat(expression.targets("visual.fc")).isFalse();
        assertThat(expression.targets("a.visual.fc")).isTrue();
        PeftConfig saved = parse("{\"target_modules\":[\"fc\"],\"modules_to_save\":[\"head\"]}");
        assertThat(saved.targets("head.fc")).isFalse();
        assertThat(saved.targets("a.head.b.fc")).isFalse();
        assertThat(saved.targets("ahead.fc")).isTrue();
    }

    @Test
    void layersToTransformPickByTheFirstNumber() throws Exception {
        PeftConfig any = parse("{\"target_modules\":[\"fc\",\"model.layers.7.fc\"],\"layers_to_transform\":[1,3]}");
        assertThat(any.targets("model.layers.1.fc")).isTrue();
        assertThat(any.targets("model.layers.2.fc")).isFalse();
        assertThat(any.targets("model.layers.2.experts.1.fc")).isFalse();
        assertThat(any.targets("layers.1.fc")).isFalse();
        assertThat(any.targets("head.fc")).isFalse();
        assertThat(any.targets("model.layers.7.fc")).isTrue();
        PeftConfig one = parse("{\"target_modules\":[\"fc\"],\"layers_to_transform\":1,\"layers_pattern\":\"h\"}");
        assertThat(one.targets("h.1.fc")).isTrue();
        assertThat(one.targets("model.h.1.fc")).isTrue();
        assertThat(one.targets("model.h.2.fc")).isFalse();
        assertThat(one.targets("model.layers.1.fc")).isFalse();
    }

    @Test
    void aScaleBehindAnExpressionThatIsNotTriedIsNotKnown() throws Exception {
        PeftConfig config = parse("{\"r\":8,\"alpha_pattern\":{\"q\":2,\"(?i)K\":4}}");
        assertThat(config.scaling("q").scale()).isEqualTo(0.25);
        assertThat(config.scaling("k").scale()).isNull();
        assertThat(parse("{\"rank_pattern\":{\"(\":2}}").rankOf("k")).isNull();
    }

    @Test
    void aScaleThatTookTooLongIsNotKnown() throws Exception {
        StringBuilder patterns = new StringBuilder("\"q\":4");
        for (int i = 0; i < 4_000; i++) {
            patterns.append(",\".*.*.*.*.*x").append(i).append("\":4");
        }
        PeftConfig config = parse("{\"r\":8,\"rank_pattern\":{" + patterns + "}}");
        assertThat(config.scaling("q").scale()).isEqualTo(2);
        for (int i = 0; i < 30; i++) {
            config.scaling("q".repeat(100) + i);
        }
        assertThat(config.isGivenUp()).isTrue();
        assertThat(config.scaling("q").scale()).isNull();
    }

    @Test
    void valuesOfAnotherTypeCountAsAbsent() throws Exception {
        PeftConfig config = parse("{\"peft_type\":[\"LORA\"],\"r\":\"8\",\"lora_alpha\":{\"x\":1},\"use_dora\":1,"
                + "\"use_rslora\":\"true\",\"rank_pattern\":[1,{\"a\":2}],\"alpha_pattern\":{\"a\":\"4\","
                + "\"b\":[1],\"c\":2},"
                + "\"target_modules\":{\"a\":[1]},\"modules_to_save\":[[\"x\"],1,\"head\",null],"
                + "\"base_model_name_or_path\":null}");
        assertThat(config)
                .usingRecursiveComparison()
                .ignoringFields("expressions")
                .isEqualTo(new PeftConfig(
                        null,
                        null,
                        null,
                        false,
                        false,
                        false,
                        Map.of(),
                        Map.of("c", 2.0),
                        new PeftTargets(PeftNames.NONE, PeftNames.NONE, List.of("head"), Set.of(), List.of()),
                        null,
                        PeftTransform.DEFAULT,
                        List.of(
                                "peft_type",
                                "r",
                                "lora_alpha",
                                "use_dora",
                                "use_rslora",
                                "rank_pattern",
                                "alpha_pattern",
                                "target_modules",
                                "modules_to_save",
                                "base_model_name_or_path"),
                        new PeftExpressions()));
    }

    @Test
    void aListOrObjectInPlaceOfAScalarIsSteppedOver() throws Exception {
        assertThat(parse("{\"r\":[8],\"lora_alpha\":16}").alpha()).isEqualTo(16);
        assertThat(parse("{\"use_dora\":{\"r\":99},\"use_rslora\":[true]}").rank())
                .isNull();
    }

    @Test
    void aRankThatIsNoIntegerCountsAsAbsent() throws Exception {
        assertThat(parse("{\"r\":8.0}").rank()).isNull();
        assertThat(parse("{\"r\":null}").rank()).isNull();
    }

    @Test
    void numbersThatOnlyPythonReadsGiveNoScale() throws IOException {
        assertThat(parse("{\"r\":4,\"lora_alpha\":NaN}").scaling("x").scale()).isNull();
        assertThat(parse("{\"r\":4,\"lora_alpha\":Infinity}").scaling("x").scale())
                .isNull();
        assertThat(parse("{\"rank_pattern\":{\"x\":NaN}}").scaling("x").scale()).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "[]",
                "null",
                "1",
                "\"x\"",
                "{",
                "{\"r\"",
                "{\"r\":",
                "{\"r\":}",
                "{\"r\":99999999999}",
                "{\"target_modules\":[",
                "{\"rank_pattern\":{\"a\":",
                "{\"rank_pattern\":{\"a\"",
                "{\"use_dora\":tru",
                "{'r':1}",
                "{\"r\":1,}",
                "\ufeff",
                "{\"a\":\"\u0001\"}"
            })
    void whatIsNoConfigurationIsRefused(String json) {
        assertThatThrownBy(() -> parse(json)).isInstanceOf(IOException.class);
    }

    @Test
    void aDocumentThatIsNoObjectIsNamed() {
        assertThatThrownBy(() -> parse("[1]"))
                .isInstanceOf(IOException.class)
                .hasMessage("adapter_config.json: not a JSON object");
    }

    @Test
    void nestingNumbersAndTextsWithoutEndAreRefused() {
        for (String field : List.of(
                "x",
                "r",
                "use_dora",
                "use_rslora",
                "lora_alpha",
                "peft_type",
                "target_modules",
                "rank_pattern",
                "layers_to_transform")) {
            assertThatThrownBy(() -> parse("{\"" + field + "\":" + "[".repeat(100_000)))
                    .isInstanceOf(IOException.class);
            assertThatThrownBy(() -> parse("{\"" + field + "\":" + "{\"a\":".repeat(100_000)))
                    .isInstanceOf(IOException.class);
        }
        assertThatThrownBy(() -> parse("{\"lora_alpha\":" + "9".repeat(100_000) + "}"))
                .isInstanceOf(IOException.class);
        assertThatThrownBy(() -> parse("{\"r\":" + "9".repeat(100_000) + "}")).isInstanceOf(IOException.class);
    }

    @Test
    void aCutConfigurationIsRefusedAtEveryByte() {
        int end = new String(REAL, StandardCharsets.UTF_8).lastIndexOf('}');
        for (int length = 0; length < end; length++) {
            byte[] cut = Arrays.copyOf(REAL, length);
            assertThatThrownBy(() -> PeftConfig.parse(cut)).isInstanceOf(IOException.class);
        }
    }

    @Property(tries = 5_000, seed = "2201")
    void aDamagedConfigurationIsReadOrRefused(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] damaged = REAL.clone();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            byte[] replacements = "{}[]\",:0e-tn\\".getBytes(StandardCharsets.US_ASCII);
            damaged[random.nextInt(damaged.length)] = replacements[random.nextInt(replacements.length)];
        }
        try {
            PeftConfig config = PeftConfig.parse(damaged);
            config.scaling("a.q_proj");
            config.rankOf("a.q_proj");
            config.targets("a.q_proj");
        } catch (IOException e) {
            assertThat(e.getMessage()).isNotNull();
        }
    }

    private static PeftConfig parse(String json) throws IOException {
        return PeftConfig.parse(json.getBytes(StandardCharsets.UTF_8));
    }
}
