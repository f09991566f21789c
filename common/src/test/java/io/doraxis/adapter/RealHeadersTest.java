package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.Confidence;
import io.doraxis.dora.Evidence;
import io.doraxis.fixtures.Adapters;
import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.tensorfile.TensorData;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Names and shapes of files that people made. */
class RealHeadersTest {
    private static final List<Json> INDEX =
            Resources.json("real_headers/index.json").items();
    private static final Map<String, Dialect> DIALECTS = Map.ofEntries(
            Map.entry("invokeai_anima_lora_kohya_format", Dialect.KOHYA),
            Map.entry("invokeai_anima_lora_lokr_format", Dialect.COMFYUI),
            Map.entry("invokeai_anima_lora_peft_format", Dialect.COMFYUI),
            Map.entry("invokeai_flux_control_lora_format", Dialect.BFL_CONTROL),
            Map.entry("invokeai_flux_dora_onetrainer_format", Dialect.ONETRAINER),
            Map.entry("invokeai_flux_lokr_bfl_format", Dialect.COMFYUI),
            Map.entry("invokeai_flux_lora_aitoolkit_format", Dialect.COMFYUI),
            Map.entry("invokeai_flux_lora_diffusers_base_model_format", Dialect.PEFT),
            Map.entry("invokeai_flux_lora_diffusers_format", Dialect.DIFFUSERS),
            Map.entry("invokeai_flux_lora_kohya_format", Dialect.KOHYA),
            Map.entry("invokeai_flux_lora_xlabs_format", Dialect.XLABS),
            Map.entry("cloneofsimo+lora__example_loras_analog_svd_rank4", Dialect.CLONEOFSIMO),
            Map.entry("wellCh4n+pokemon-diffusers__pytorch_lora_weights", Dialect.DIFFUSERS_LEGACY),
            Map.entry("catundchat+stable-diffusion-v1.5-lora__pytorch_lora_weights", Dialect.DIFFUSERS_LEGACY),
            Map.entry("dayanidhi04+emotion-classification-distilbert-lora__adapter_model", Dialect.PEFT),
            Map.entry("anirudh-ak+peft-gpt2__model_lora_model_adapter_model", Dialect.PEFT),
            Map.entry("sidkris+Parameter-Efficient-Fine-Tuning-with-LoRA__adapter_model__bin", Dialect.PEFT));

    static Stream<String> names() {
        return INDEX.stream().map(entry -> entry.get("file").text().replace(".json", ""));
    }

    @ParameterizedTest
    @MethodSource("names")
    void adaptersAreToldFromEverythingElse(String name) {
        Adapters file = load(name);
        AdapterIndex adapter = file.adapter();
        String guess = entry(name).get("format_guess").text().toLowerCase(Locale.ROOT);
        boolean expected = Stream.of("lora", "lokr", "peft").anyMatch(guess::contains);
        CheckpointKind kind = CheckpointKind.of(file.index(), adapter, false);
        assertThat(kind == CheckpointKind.ADAPTER).as("%s is %s", guess, kind).isEqualTo(expected);
        boolean dora = adapter.modules().stream().anyMatch(AdapterModule::hasDora);
        assertThat(dora).isEqualTo(entry(name).get("has_dora").flag());
    }

    @ParameterizedTest
    @MethodSource("names")
    void whatIsNoAdapterIsAModelOrAnother(String name) {
        Adapters file = load(name);
        String guess = entry(name).get("format_guess").text();
        CheckpointKind kind = CheckpointKind.of(file.index(), file.adapter(), false);
        if (guess.equals("ControlNet") || guess.equals("IP-Adapter")) {
            assertThat(kind).isEqualTo(CheckpointKind.OTHER);
        } else if (guess.startsWith("full")) {
            assertThat(kind).isEqualTo(CheckpointKind.MODEL);
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void theDialectIsKnown(String name) {
        if (DIALECTS.containsKey(name)) {
            assertThat(DialectClassifier.classify(load(name).adapter())).isEqualTo(DIALECTS.get(name));
        }
    }

    @Test
    void everyAdapterOfTheListHasItsDialectPinned() {
        long adapters = INDEX.stream()
                .map(entry -> entry.get("format_guess").text().toLowerCase(Locale.ROOT))
                .filter(guess -> Stream.of("lora", "lokr", "peft").anyMatch(guess::contains))
                .count();
        assertThat(adapters).isEqualTo(DIALECTS.size());
    }

    @Test
    void theFluxDoraOfOneTrainerIsOfTheInputAxisByItsRectangularLayers() {
        AdapterIndex adapter = load("invokeai_flux_dora_onetrainer_format").adapter();
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), TensorData.NONE);
        assertThat(adapter.unrecognised()).isZero();
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.PROVEN);
        assertThat(verdict.doraModules()).isEqualTo(506);
        assertThat(verdict.ambiguousModules()).isZero();
        assertThat(verdict.evidence())
                .containsExactly(
                        new Evidence(Evidence.Kind.RECTANGULAR_LAYER, 96, "INPUT"),
                        new Evidence(Evidence.Kind.SQUARE_LAYER, 410, "INPUT"));
    }

    private static Json entry(String name) {
        return INDEX.stream()
                .filter(entry -> entry.get("file").text().equals(name + ".json"))
                .findFirst()
                .orElseThrow();
    }

    private static Adapters load(String name) {
        Json json = Resources.json("real_headers/" + name + ".json");
        Json shapes = json.has("tensors") ? json.get("tensors") : json.has("shapes") ? json.get("shapes") : json;
        Adapters file = new Adapters();
        for (String tensor : shapes.keys()) {
            Json shape = shapes.get(tensor);
            file.tensor(tensor, (shape.isObject() ? shape.get("shape") : shape).dims());
        }
        return file;
    }
}
