package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.fixtures.Adapters;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What adapter_config.json lets merge; PEFT 0.21.2 raises for what is refused here, or merges something else. */
class PeftConfigMergeTest {
    private static final String PREFIX = "base_model.model.";

    private static Adapters lora(String... modules) {
        Adapters adapters = new Adapters();
        for (String module : modules) {
            adapters.tensor(PREFIX + module + ".lora_A.weight", 4, 8).tensor(PREFIX + module + ".lora_B.weight", 8, 4);
        }
        return adapters;
    }

    private static MergePlan plan(Adapters adapters, String fields) throws Exception {
        String json = ("{'peft_type':'LORA','r':4," + fields + "}").replace('\'', '"');
        AdapterIndex index = adapters.config(json).adapter();
        MergeAdapter adapter = new MergeAdapter(
                adapters.index(),
                index,
                AxisClassifier.classify(index.modules(), index.claims(), adapters.data()),
                PeftConfig.parse(json.getBytes(StandardCharsets.UTF_8)),
                new Strength(1, null));
        Adapters base = new Adapters().tensor("a.k.weight", 8, 8).tensor("a.q.weight", 8, 8);
        return MergePlanner.plan(base.index(), List.of(adapter), null, false);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'lora_alpha':'16' | SCALE_UNKNOWN | adapter_config.json: lora_alpha is \"16\", for which PEFT raises",
                "'task_type':'X' | SCALE_UNKNOWN | adapter_config.json: task_type is \"X\", for which PEFT raises",
                "'alpha_pattern':null | SCALE_UNKNOWN | adapter_config.json: alpha_pattern is null, for which PEFT raises",
                "'alpha_pattern':{'k':null} | SCALE_UNKNOWN | base_model.model.a.k: alpha_pattern of k is no number that PEFT takes",
                "'rank_pattern':{'k':4.0} | SCALE_UNKNOWN | base_model.model.a.k: rank_pattern of k is no number that PEFT takes",
                "'alpha_pattern':{'(?P<x>k)':16} | SCALE_UNKNOWN | base_model.model.a.k: alpha_pattern: it is not known what this matches: (?P<x>k)",
                "'rank_pattern':{'[k[]':4} | SCALE_UNKNOWN | base_model.model.a.k: rank_pattern: it is not known what this matches: [k[]",
                "'init_lora_weights':'pissa' | UNSUPPORTED_MODULE | adapter_config.json: init_lora_weights is pissa: PEFT changes the base weights too, so the factors alone are not the change",
                "'init_lora_weights':'corda' | UNSUPPORTED_MODULE | adapter_config.json: init_lora_weights is corda: PEFT changes the base weights too, so the factors alone are not the change",
                "'alora_invocation_tokens':[1] | UNSUPPORTED_MODULE | adapter_config.json: alora_invocation_tokens: it acts behind these tokens only, and PEFT does not merge it"
            })
    void whatTheFileAloneDoesNotTellIsRefused(String field, MergeRefusedException.Code code, String message) {
        assertThatThrownBy(() -> plan(lora("a.k", "a.q"), field))
                .isInstanceOfSatisfying(
                        MergeRefusedException.class,
                        refused -> assertThat(refused.code()).isEqualTo(code))
                .hasMessage(message);
    }

    /** PEFT cannot merge it either: "Impossible to merge LoRA with `lora_bias=True` because the base layer has no bias". */
    @Test
    void aBiasForALayerWithoutOneIsRefused() {
        Adapters adapters = lora("a.k").tensor(PREFIX + "a.k.lora_B.bias", 8);
        assertThatThrownBy(() -> plan(adapters, "'lora_bias':true"))
                .isInstanceOfSatisfying(
                        MergeRefusedException.class,
                        refused -> assertThat(refused.code()).isEqualTo(MergeRefusedException.Code.UNMATCHED));
    }

    @Test
    void aBiasThatOnlyTheConfigurationHasIsNamed() throws Exception {
        assertThat(plan(lora("a.k"), "'lora_bias':1").notes())
                .containsExactly(
                        "lora_bias is true, with which PEFT does not merge into 1 layers that have no bias, such"
                                + " as a.k.weight");
        assertThat(plan(lora("a.k"), "'lora_bias':[]").notes()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'target_modules':['q']",
                "'target_modules':'.*q'",
                "'exclude_modules':['k']",
                "'target_modules':['a.q','k'],'layers_to_transform':[1],'layers_pattern':['h']"
            })
    void modulesThatPeftWouldNotAdaptAreNamed(String field) throws Exception {
        assertThat(plan(lora("a.k", "a.q"), field).notes())
                .contains("PEFT would not adapt 1 modules by the configuration, and drops them without a word: "
                        + PREFIX + "a.k");
    }

    @Test
    void magnitudesThatPeftWouldLookForAreNamed() throws Exception {
        assertThat(plan(lora("a.k"), "'use_dora':1").notes())
                .containsExactly("use_dora is true, and 1 modules have no magnitude: " + PREFIX + "a.k");
        assertThat(plan(lora("a.k"), "'use_dora':''").notes()).isEmpty();
    }
}
