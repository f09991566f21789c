package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The predictions against what the real programs did with the golden adapters, as
 * {@code jobs/src/test/python/predictions/observe.py} recorded it.
 */
class ObservedConsumersTest {
    private static final String RENAMED = " as ";

    /** diffusers' conversion of these names and algorithms depends on the pipeline, or on more than the rules know. */
    private static final Set<String> OPEN = Stream.of(
                    "boft as lora_unet_",
                    "comfy_prefixed_lora_up_down",
                    "diag_oft as lora_unet_",
                    "diag_oft_constraint as lora_unet_",
                    "glora_conv as lora_unet_",
                    "lokr_decompose_both as lora_unet_",
                    "lokr_factor4 as lora_unet_",
                    "lokr_factor8_dora_in as lora_unet_",
                    "lokr_full_matrix as lora_unet_",
                    "lokr_tucker as lora_unet_",
                    "lokr_tucker_dora_out as lora_unet_",
                    "lokr_unbalanced as lora_unet_",
                    "peft_dora_embedding",
                    "peft_lokr_both_factor",
                    "peft_lokr_effective_conv",
                    "peft_lokr_full_w1w2_alpha_ne_r",
                    "peft_lokr_linear_conv",
                    "peft_lora_embedding")
            .map(golden -> "diffusers@0.42 " + golden)
            .collect(Collectors.toUnmodifiableSet());

    /** The base has a convolution in groups that do not divide the rank, which PEFT refuses; the file does not show it. */
    private static final String GROUPED = "diffusers@0.42 grouped_conv_dora_out as lora_unet_";

    private static List<Observation> claims() throws IOException {
        return observations().stream()
                .filter(observation -> !OPEN.contains(observation.toString())
                        && !observation.toString().equals(GROUPED))
                .toList();
    }

    /** What a program did with a case: {@code "locon_plain"}, or {@code "locon_plain as lora_unet_"} under other names. */
    private record Observation(String program, String golden, Outcome outcome, String said) {
        @Override
        public String toString() {
            return program + " " + golden;
        }
    }

    private static List<Observation> observations() throws IOException {
        List<Observation> observations = new ArrayList<>();
        try (InputStream file = ObservedConsumersTest.class.getResourceAsStream("/observed.json");
                JsonParser json = new JsonFactory().createParser(file)) {
            String program = null;
            String golden = null;
            Map<String, String> fields = new HashMap<>();
            int depth = 0;
            while (json.nextToken() != null) {
                JsonToken token = json.currentToken();
                if (token == JsonToken.START_OBJECT) {
                    depth++;
                    if (depth == 2) {
                        program = json.currentName();
                    } else if (depth == 4) {
                        golden = json.currentName();
                        fields.clear();
                    }
                } else if (token == JsonToken.END_OBJECT) {
                    if (depth == 4) {
                        Outcome outcome = Outcome.valueOf(fields.get("outcome"));
                        observations.add(
                                new Observation(program, golden, outcome, fields.getOrDefault("said", "nothing")));
                    }
                    depth--;
                } else if (token.isScalarValue()) {
                    fields.put(json.currentName(), json.getText());
                }
            }
        }
        return observations;
    }

    private static Path golden(String name) throws URISyntaxException {
        return Path.of(ObservedConsumersTest.class.getResource("/golden").toURI())
                .resolve(name);
    }

    private static Prediction predict(Observation observation)
            throws IOException, MalformedTensorFileException, URISyntaxException {
        String[] words = observation.golden().split(RENAMED);
        Path golden = golden(words[0]);
        Path directory = golden.resolve("adapter");
        PeftConfig config = null;
        byte[] file;
        if (Files.isDirectory(directory)) {
            config = PeftConfig.parse(Files.readAllBytes(directory.resolve("adapter_config.json")));
            file = Files.readAllBytes(directory.resolve("adapter_model.safetensors"));
        } else {
            file = Files.readAllBytes(golden.resolve("adapter.safetensors"));
        }
        TensorIndex index = SafetensorsReader.read(new InMemory(file), file, file.length);
        if (words.length > 1) {
            index = renamed(index, words[1]);
        }
        return AdapterFile.predict(index, TensorData.ofHead(file, file.length), config)
                .get(observation.program());
    }

    private static TensorIndex renamed(TensorIndex index, String prefix) {
        List<TensorInfo> tensors = new ArrayList<>();
        for (TensorInfo tensor : index.tensors()) {
            String name = tensor.name().replaceFirst("lycoris_", prefix);
            tensors.add(new TensorInfo(name, tensor.dtype(), tensor.shape(), tensor.begin(), tensor.end()));
        }
        return new TensorIndex(tensors, index.metadata(), index.dataStart(), index.findings());
    }

    private record InMemory(byte[] bytes) implements RangeReader {
        @Override
        public String name() {
            return "golden";
        }

        @Override
        public long length() {
            return bytes.length;
        }

        @Override
        public InputStream open(long from, long to) {
            return new ByteArrayInputStream(bytes, (int) from, (int) (to - from));
        }
    }

    @ParameterizedTest
    @MethodSource("claims")
    void theProgramDidWhatIsPredicted(Observation observation)
            throws IOException, MalformedTensorFileException, URISyntaxException {
        Prediction prediction = predict(observation);
        assertThat(prediction.outcome())
                .as("%s; it said %s", prediction.reason(), observation.said())
                .isEqualTo(observation.outcome());
    }

    @Test
    void nothingIsPredictedOnlyWhereTheFileDoesNotTell()
            throws IOException, MalformedTensorFileException, URISyntaxException {
        List<String> open = new ArrayList<>();
        for (Observation observation : observations()) {
            if (predict(observation).outcome() == Outcome.UNKNOWN) {
                open.add(observation.toString());
            }
        }
        assertThat(open).containsExactlyInAnyOrderElementsOf(OPEN);
    }
}
