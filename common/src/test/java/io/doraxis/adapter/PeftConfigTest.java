package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.Resources;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
        assertThat(parse("{\"peft_type\":\"LORA\",\"alpha\":2}").alpha()).isEqualTo(8);
        assertThat(parse("{\"peft_type\":\"LOKR\",\"lora_alpha\":16,\"alpha\":2}")
                        .alpha())
                .isEqualTo(2);
        assertThat(parse("{\"peft_type\":\"LOHA\",\"use_rslora\":true}").useRslora())
                .isFalse();
    }

    @Test
    void patternsKeepTheFilesOrder() throws Exception {
        PeftConfig config = parse("{\"rank_pattern\":{\"z\":1,\"a\":2,\"m\":3},\"alpha_pattern\":{\"b\":1.5}}");
        assertThat(config.rankPattern()).containsExactly(Map.entry("z", 1.0), Map.entry("a", 2.0), Map.entry("m", 3.0));
        assertThat(config.alphaPattern()).containsExactly(Map.entry("b", 1.5));
    }

    @Test
    void targetsAreNamesOrOneExpression() throws Exception {
        PeftConfig names = parse("{\"target_modules\":[\"q_proj\",\"mlp.fc1\"]}");
        assertThat(names.targets("layers.0.q_proj")).hasValue(true);
        assertThat(names.targets("q_proj")).hasValue(true);
        assertThat(names.targets("layers.0.mlp.fc1")).hasValue(true);
        assertThat(names.targets("layers.0.xq_proj")).hasValue(false);
        PeftConfig expression = parse("{\"target_modules\":\".*\\\\.(q|v)_proj\"}");
        assertThat(expression.targets("layers.0.v_proj")).hasValue(true);
        assertThat(expression.targets("layers.0.k_proj")).hasValue(false);
        assertThat(parse("{\"target_modules\":\"all-linear\"}").targets("x")).hasValue(true);
        assertThat(parse("{}").targets("x")).hasValue(true);
        assertThat(parse("{\"target_modules\":null}").targets("x")).hasValue(true);
        assertThat(parse("{\"target_modules\":\"(\"}").targets("x")).isEmpty();
    }

    @Test
    void whatIsExcludedOrSavedInFullIsNoTarget() throws Exception {
        PeftConfig names = parse("{\"target_modules\":[\"fc\"],\"exclude_modules\":[\"visual.fc\"]}");
        assertThat(names.targets("a.fc")).hasValue(true);
        assertThat(names.targets("a.visual.fc")).hasValue(false);
        assertThat(names.targets("a.xvisual.fc")).hasValue(true);
        PeftConfig expression = parse("{\"target_modules\":\".*fc\",\"exclude_modules\":\"visual.*\"}");
        assertThat(expression.targets("visual.fc")).hasValue(false);
        assertThat(expression.targets("a.visual.fc")).hasValue(true);
        PeftConfig saved = parse("{\"target_modules\":[\"fc\"],\"modules_to_save\":[\"head\"]}");
        assertThat(saved.targets("head.fc")).hasValue(false);
        assertThat(saved.targets("a.head.b.fc")).hasValue(false);
        assertThat(saved.targets("ahead.fc")).hasValue(true);
    }

    /** Of which layers of two PEFT 0.21.2 has an adapter of k_proj. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'target_modules':['k_proj'],'layers_to_transform':null | 11",
                "'target_modules':['k_proj'],'layers_to_transform':[] | 11",
                "'target_modules':['k_proj'],'layers_to_transform':0 | 10",
                "'target_modules':['k_proj'],'layers_to_transform':true | 01",
                "'target_modules':['k_proj'],'layers_to_transform':[0.0] | 10",
                "'target_modules':['k_proj'],'layers_to_transform':[1] | 01",
                "'target_modules':['k_proj'],'layers_to_transform':['0'] | 00",
                "'target_modules':['k_proj'],'layers_to_transform':[null] | 00",
                "'target_modules':['k_proj'],'layers_to_transform':{} | 00",
                "'target_modules':{'k_proj':1} | 11",
                "'target_modules':['k_proj'],'exclude_modules':{'k_proj':1} | 00",
                "'target_modules':['k_proj'],'exclude_modules':['k_proj',5] | 00",
                "'target_modules':['k_proj'],'exclude_modules':0 | 11"
            })
    void targetsAreWhatPythonGoesThrough(String fields, String expected) throws Exception {
        PeftConfig config = parse(("{'peft_type':'LORA'," + fields + "}").replace('\'', '"'));
        StringBuilder adapted = new StringBuilder();
        for (int layer = 0; layer < 2; layer++) {
            adapted.append(
                    config.targets("model.layers." + layer + ".self_attn.k_proj")
                                    .orElseThrow()
                            ? 1
                            : 0);
        }
        assertThat(adapted).hasToString(expected);
        assertThat(config.fault("a.k_proj")).isNull();
    }

    @Test
    void layersToTransformPickByTheFirstNumber() throws Exception {
        PeftConfig any = parse("{\"target_modules\":[\"fc\",\"model.layers.7.fc\"],\"layers_to_transform\":[1,3]}");
        assertThat(any.targets("model.layers.1.fc")).hasValue(true);
        assertThat(any.targets("model.layers.2.fc")).hasValue(false);
        assertThat(any.targets("model.layers.2.experts.1.fc")).hasValue(false);
        assertThat(any.targets("layers.1.fc")).hasValue(false);
        assertThat(any.targets("head.fc")).hasValue(false);
        assertThat(any.targets("model.layers.7.fc")).hasValue(true);
        PeftConfig one = parse("{\"target_modules\":[\"fc\"],\"layers_to_transform\":1,\"layers_pattern\":\"h\"}");
        assertThat(one.targets("h.1.fc")).hasValue(true);
        assertThat(one.targets("model.h.1.fc")).hasValue(true);
        assertThat(one.targets("model.h.2.fc")).hasValue(false);
        assertThat(one.targets("model.layers.1.fc")).hasValue(false);
    }

    @Test
    void aScaleBehindAnExpressionThatIsNotTriedIsNotKnown() throws Exception {
        PeftConfig config = parse("{\"r\":8,\"alpha_pattern\":{\"q\":2,\"(?i)K\":4}}");
        assertThat(config.scaling("q").scale()).isEqualTo(0.25);
        assertThat(config.scaling("k").scale()).isNull();
        assertThat(parse("{\"rank_pattern\":{\"(\":2}}").rank("k")).isNull();
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

    /** What PEFT 0.21.2 raises for, and what it loads, with an adapter of rank 4 of q_proj and k_proj. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "LORA | 'lora_alpha':'16'",
                "LORA | 'lora_alpha':null",
                "LORA | 'lora_alpha':[8]",
                "LORA | 'lora_alpha':{}",
                "LORA | 'r':'4'",
                "LORA | 'r':null",
                "LORA | 'r':[4]",
                "LORA | 'r':true",
                "LORA | 'r':0",
                "LORA | 'r':-4",
                "LORA | 'r':4.0",
                "LORA | 'r':NaN",
                "LORA | 'r':99999999999999999999",
                "LORA | 'rank_pattern':null",
                "LORA | 'rank_pattern':[]",
                "LORA | 'rank_pattern':'k_proj'",
                "LORA | 'rank_pattern':0",
                "LORA | 'rank_pattern':{'k_proj':'4'}",
                "LORA | 'rank_pattern':{'k_proj':null}",
                "LORA | 'rank_pattern':{'k_proj':true}",
                "LORA | 'rank_pattern':{'k_proj':4.0}",
                "LORA | 'rank_pattern':{'k_proj':0}",
                "LORA | 'rank_pattern':{'k_proj':-4}",
                "LORA | 'alpha_pattern':null",
                "LORA | 'alpha_pattern':['k_proj']",
                "LORA | 'alpha_pattern':false",
                "LORA | 'alpha_pattern':{'k_proj':'4'}",
                "LORA | 'alpha_pattern':{'k_proj':[4]}",
                "LORA | 'task_type':'X'",
                "LORA | 'task_type':''",
                "LORA | 'task_type':[]",
                "LORA | 'task_type':'causal_lm'",
                "LORA | 'task_type':0",
                "LORA | 'lora_alpha':8,'lora_alpha':null",
                "LORA | 'target_modules':5",
                "LORA | 'target_modules':true",
                "LORA | 'exclude_modules':5",
                "LORA | 'exclude_modules':true",
                "LORA | 'modules_to_save':5",
                "LORA | 'layers_to_transform':'0'",
                "LORA | 'layers_to_transform':''",
                "LORA | 'layers_to_transform':1.0",
                "LORA | 'init_lora_weights':'corda'",
                "LORA | 'init_lora_weights':'nonsense'",
                "LORA | 'init_lora_weights':'PISSA'",
                "LORA | 'init_lora_weights':1",
                "LOHA | 'alpha':'16'",
                "LOHA | 'r':4.0",
                "LOHA | 'rank_pattern':null",
                "LOHA | 'alpha_pattern':{'k_proj':null}",
                "LOKR | 'alpha':null",
                "LOKR | 'r':0",
                "IA3 | 'task_type':true"
            })
    void whatPeftRaisesForIsAFaultAndHasNoScale(String type, String field) throws Exception {
        PeftConfig config = parse(("{'peft_type':'" + type + "'," + field + "}").replace('\'', '"'));
        String name = field.substring(1, field.indexOf('\'', 1));
        assertThat(config.fault("a.k_proj")).startsWith(name + " ");
        assertThat(config.scaling("a.k_proj").scale()).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "LORA | 'lora_alpha':true | 0.25",
                "LORA | 'lora_alpha':false | 0",
                "LORA | 'lora_alpha':-4 | -1",
                "LORA | 'lora_alpha':2.5 | 0.625",
                "LORA | 'lora_alpha':null,'lora_alpha':8 | 2",
                "LORA | 'rank_pattern':{'zz':'4'} | 2",
                "LORA | 'rank_pattern':{'zz':0} | 2",
                "LORA | 'alpha_pattern':{'zz':null} | 2",
                "LORA | 'alpha_pattern':{'k_proj':true} | 0.25",
                "LORA | 'alpha_pattern':{'k_proj':4.5} | 1.125",
                "LORA | 'init_lora_weights':null | 2",
                "LORA | 'init_lora_weights':0 | 2",
                "LORA | 'init_lora_weights':[] | 2",
                "LORA | 'init_lora_weights':'mica' | 2",
                "LORA | 'task_type':null | 2",
                "LORA | 'task_type':'FEATURE_EXTRACTION' | 2",
                "LORA | 'use_rslora':1 | 4",
                "LORA | 'use_rslora':'no' | 4",
                "LORA | 'use_rslora':[0] | 4",
                "LORA | 'use_rslora':[[]] | 4",
                "LORA | 'use_rslora':-1 | 4",
                "LORA | 'use_rslora':NaN | 4",
                "LORA | 'use_rslora':0 | 2",
                "LORA | 'use_rslora':0.0 | 2",
                "LORA | 'use_rslora':'' | 2",
                "LORA | 'use_rslora':[] | 2",
                "LORA | 'use_rslora':{} | 2",
                "LORA | 'use_rslora':null | 2",
                "LOHA | 'lora_alpha':'16' | 2",
                "LOHA | 'alpha':true | 0.25"
            })
    void whatPythonTakesForANumberOrForTrueIsOne(String type, String field, double scale) throws Exception {
        PeftConfig config = parse(("{'peft_type':'" + type + "','r':4," + field + "}").replace('\'', '"'));
        assertThat(config.fault("a.k_proj")).isNull();
        assertThat(config.scaling("a.k_proj").scale()).isEqualTo(scale);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"'r':0", "'r':'x'", "'rank_pattern':null", "'alpha_pattern':{'k_proj':null}", "'lora_alpha':null"
            })
    void fieldsThatATypeDoesNotReadAreNoFault(String field) throws Exception {
        for (String type : List.of("IA3", "BOFT")) {
            PeftConfig config = parse(("{'peft_type':'" + type + "'," + field + "}").replace('\'', '"'));
            assertThat(config.fault("a.k_proj")).isNull();
        }
    }

    /** PEFT's alphas with Python's expressions, or that it raises. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "(?P<x>k)_proj",
                "[k[]_proj",
                "[a-z&&[k]]_proj",
                "(k)?(?(1)_proj|z)",
                "\\Qk_proj\\E",
                "(?i)K_PROJ",
                "\\h",
                "k\\x5fproj",
                "k_proj\\Z",
                "k_proj{1,}",
                "k_pro{j",
                "^*k_proj",
                "(",
                "k)|(q"
            })
    void anExpressionThatCannotBeToldLeavesTheScaleOpen(String key) throws Exception {
        String escaped = key.replace("\\", "\\\\");
        PeftConfig alpha = parse("{\"peft_type\":\"LORA\",\"r\":4,\"alpha_pattern\":{\"" + escaped + "\":16}}");
        assertThat(alpha.scaling("a.k_proj").scale()).isNull();
        assertThat(alpha.scaling("a.k_proj").note())
                .isEqualTo("alpha_pattern: it is not known what this matches: " + key);
        assertThat(alpha.fault("a.k_proj")).isNull();
        PeftConfig rank = parse("{\"peft_type\":\"LORA\",\"r\":4,\"rank_pattern\":{\"" + escaped + "\":4}}");
        assertThat(rank.scaling("a.k_proj").note())
                .isEqualTo("rank_pattern: it is not known what this matches: " + key);
    }

    @Test
    void aKeyBeforeTheOneThatCannotBeToldCounts() throws Exception {
        PeftConfig config = parse("{\"peft_type\":\"LORA\",\"r\":4,\"alpha_pattern\":{\"k_proj\":16,\"(?i)X\":1}}");
        assertThat(config.scaling("a.k_proj").scale()).isEqualTo(4);
        assertThat(config.scaling("a.q_proj").scale()).isNull();
    }

    @Test
    void whatChangesTheBaseIsNamed() throws Exception {
        for (String initial : List.of("pissa", "pissa_niter_4", "olora", "OLoRA", "corda", "loftq", "lora_ga")) {
            PeftConfig config = parse("{\"peft_type\":\"LORA\",\"init_lora_weights\":\"" + initial + "\"}");
            assertThat(config.unmergeable()).startsWith("init_lora_weights is " + initial + ": ");
            assertThat(config.repeatsInitial())
                    .isEqualTo(List.of("pissa", "olora", "OLoRA").contains(initial));
        }
        for (String initial :
                List.of("true", "false", "null", "\"gaussian\"", "\"eva\"", "\"orthogonal\"", "\"mica\"")) {
            assertThat(parse("{\"peft_type\":\"LORA\",\"init_lora_weights\":" + initial + "}")
                            .unmergeable())
                    .isNull();
        }
        assertThat(parse("{\"peft_type\":\"LORA\",\"alora_invocation_tokens\":[1]}")
                        .unmergeable())
                .startsWith("alora_invocation_tokens: ");
        assertThat(parse("{\"peft_type\":\"LORA\",\"alora_invocation_tokens\":[]}")
                        .unmergeable())
                .isNull();
    }

    @Test
    void whatPythonsJsonDoesNotReadIsRefused() {
        byte[] json = "{\"r\":8}".getBytes(StandardCharsets.UTF_8);
        byte[] latin = "{\"x\":\"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
        for (byte[] broken : List.of(
                "\ufeff{\"r\":8}".getBytes(StandardCharsets.UTF_8),
                "{\"r\":8}".getBytes(StandardCharsets.UTF_16),
                "{\"r\":8}".getBytes(StandardCharsets.UTF_16LE),
                "{\"r\":8}".getBytes(StandardCharsets.UTF_16BE),
                latin,
                "{\"r\":8}x".getBytes(StandardCharsets.UTF_8),
                "{\"r\":8}{\"r\":4}".getBytes(StandardCharsets.UTF_8))) {
            assertThatThrownBy(() -> PeftConfig.parse(broken)).isInstanceOf(IOException.class);
        }
        assertThatCode(() -> PeftConfig.parse(json)).doesNotThrowAnyException();
        assertThatCode(() -> parse("{\"num_cayley_neumann_terms\":99999999999,\"layers_to_transform\":[99999999999]}"))
                .doesNotThrowAnyException();
        assertThatCode(() -> parse(" \n{\"" + "x".repeat(60_000) + "\":" + "9".repeat(2_000) + "}\n "))
                .doesNotThrowAnyException();
    }

    @Test
    void aListOrObjectInPlaceOfAScalarIsSteppedOver() throws Exception {
        assertThat(parse("{\"r\":[8],\"lora_alpha\":16}").alpha()).isEqualTo(16);
        assertThat(parse("{\"use_dora\":{\"r\":99},\"use_rslora\":[true]}").rank())
                .isEqualTo(8);
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
            config.fault("a.q_proj");
            config.targets("a.q_proj");
        } catch (IOException e) {
            assertThat(e.getMessage()).isNotNull();
        }
    }

    private static PeftConfig parse(String json) throws IOException {
        return PeftConfig.parse(json.getBytes(StandardCharsets.UTF_8));
    }
}
