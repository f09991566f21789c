package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.CardClaims;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.fixtures.GoldenCase;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Cards of exports: of planned golden adapters. */
class ModelCardTest {
    private static Provenance provenance(String license, String baseModel) {
        return new Provenance("s3a://hub/style.safetensors", "abc", "s3a://base", license, baseModel, "0.1", "7");
    }

    private static ExportPlan plan(String name, InputAxis form) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        AdapterIndex adapter = golden.adapter();
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data());
        ExportSource source = new ExportSource(golden.index(), adapter, verdict, golden.config(), golden.data());
        return ExportPlanner.plan(source, PeftWeights.header(golden), new ExportChoices(form, null), Set.of());
    }

    private static String card(ExportPlan plan, String license, String baseModel) {
        return new String(ModelCard.of(plan, provenance(license, baseModel)), StandardCharsets.UTF_8);
    }

    @Test
    void aCardSaysWhatItIsAndWhatWasDone() throws Exception {
        String card = card(plan("locon_dora_out", InputAxis.REFUSE), "apache-2.0", "owner/model");
        assertThat(card)
                .startsWith("""
                        ---
                        base_model: owner/model
                        library_name: peft
                        license: apache-2.0
                        tags:
                        - base_model:adapter:owner/model
                        - dora
                        - doraxis
                        - lora
                        ---

                        # style.safetensors in PEFT's layout

                        Made by Doraxis 0.1 (rules 7) of `s3a://hub/style.safetensors`, etag `abc`, with the base model `s3a://base`.
                        """)
                .contains("LORA DoRA -> LORA DoRA |", "are the source's bytes, and 0 were computed", "It is exact")
                .contains("model = PeftModel.from_pretrained(model, folder)\n");
    }

    @Test
    void adaptersOfSeveralStepsAreLoadedInTheirOrder() throws Exception {
        ExportPlan plan = plan("locon_dora_in", InputAxis.IA3_LORA);
        assertThat(card(plan, null, null))
                .doesNotContain("license", "base_model")
                .contains("- ia3\n- lora\n", "in PEFT's layout", "another order is silently wrong")
                .contains("""
                        model = PeftModel.from_pretrained(model, folder, subfolder="1-lora").merge_and_unload()
                        model = PeftModel.from_pretrained(model, folder, subfolder="2-ia3")
                        """);
        String first = new String(
                ModelCard.of(plan, provenance(null, null), plan.adapters().get(0)), StandardCharsets.UTF_8);
        assertThat(first).contains("- lora\n").doesNotContain("- ia3\n");
    }

    @Test
    void aPeftDirectoryIsCalledAsItsFolder() throws Exception {
        ExportPlan plan = plan("locon_plain", InputAxis.REFUSE);
        Provenance own = new Provenance("s3a://hub/style/adapter_model.safetensors", null, "", null, null, "0.1", "7");
        assertThat(new String(ModelCard.of(plan, own), StandardCharsets.UTF_8))
                .contains("# style in PEFT's layout\n", "of `s3a://hub/style/adapter_model.safetensors`.\n");
    }

    /** Texts of the source stand in it as texts. */
    @Test
    void whatTheSourceSaysIsQuoted() throws Exception {
        String card = card(plan("locon_plain", InputAxis.REFUSE), "Fair \"AI\": v1\n---", "../etc `x`\n# no");
        assertThat(card)
                .contains("license: other\nlicense_name: \"Fair 'AI': v1?---\"\n")
                .contains("names as its base model `../etc 'x'?# no`")
                .doesNotContain("base_model:");
        byte[] bytes = card.getBytes(StandardCharsets.UTF_8);
        assertThat(CardClaims.parse(bytes, bytes.length, bytes.length))
                .containsEntry(CardClaims.LICENSE_NAME, "Fair 'AI': v1?---");
    }

    @Test
    void aHeaderNamesItsSourceAndThePlan() throws Exception {
        ExportPlan plan = plan("locon_dora_out", InputAxis.REFUSE);
        assertThat(provenance("mit", null).metadata(plan))
                .containsEntry("format", "pt")
                .containsEntry("doraxis.source_etag", "abc")
                .containsEntry("doraxis.rules_version", "7")
                .containsEntry("doraxis.outcome", "EXACT")
                .hasEntrySatisfying("doraxis.plan", done -> assertThat(done).endsWith(" LORA DoRA -> LORA DoRA"));
    }
}
