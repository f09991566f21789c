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
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The predictions for PEFT and LyCORIS against what the libraries did with adapters that they wrote. */
class GoldenConsumersTest {
    private static List<Path> cases() throws IOException, URISyntaxException {
        URL root = GoldenConsumersTest.class.getResource("/golden");
        assertThat(root).as("golden adapters on the test classpath").isNotNull();
        try (Stream<Path> cases = Files.list(Path.of(root.toURI()))) {
            return cases.filter(path -> Files.exists(path.resolve("expected.json")))
                    .sorted()
                    .collect(Collectors.toList());
        }
    }

    private static List<Path> casesThatLycorisWasGiven() throws IOException, URISyntaxException {
        List<Path> given = new ArrayList<>();
        for (Path golden : cases()) {
            Seen seen = Seen.of(golden);
            if (!seen.byPeft() && seen.tellsOfTheFile()) {
                given.add(golden);
            }
        }
        return given;
    }

    private static Map<String, Prediction> predict(Path golden) throws IOException, MalformedTensorFileException {
        Path directory = golden.resolve("adapter");
        if (Files.isDirectory(directory)) {
            PeftConfig config = PeftConfig.parse(Files.readAllBytes(directory.resolve("adapter_config.json")));
            return predict(Files.readAllBytes(directory.resolve("adapter_model.safetensors")), config);
        }
        return predict(Files.readAllBytes(golden.resolve("adapter.safetensors")), null);
    }

    private static Map<String, Prediction> predict(byte[] file, PeftConfig config)
            throws IOException, MalformedTensorFileException {
        return AdapterFile.predict(
                SafetensorsReader.read(new InMemory(file), file, file.length),
                TensorData.ofHead(file, file.length),
                config);
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

    /**
     * What was seen when the case was made.
     *
     * @param loading what LyCORIS' wrapper said to the file; null where it was not tried
     */
    private record Seen(String producer, String loading, boolean kohyaNames, Set<String> algorithms) {
        static Seen of(Path golden) throws IOException {
            String producer = null;
            String loading = null;
            boolean kohyaNames = false;
            Set<String> algorithms = new HashSet<>();
            try (JsonParser json =
                    new JsonFactory().createParser(Files.readAllBytes(golden.resolve("expected.json")))) {
                while (json.nextToken() != null) {
                    if (json.currentToken() != JsonToken.VALUE_STRING || json.currentName() == null) {
                        continue;
                    }
                    switch (json.currentName()) {
                        case "producer" -> producer = json.getText();
                        case "create_from_weights" -> loading = json.getText();
                        case "adapter_prefix" -> kohyaNames |= json.getText().startsWith("lora_");
                        case "algo" -> algorithms.add(json.getText());
                        default -> {}
                    }
                }
            }
            return new Seen(producer, loading, kohyaNames, algorithms);
        }

        boolean byPeft() {
            return producer.startsWith("PEFT");
        }

        /** The wrapper does not take kohya's names, and T-LoRA cannot be rebuilt from its file. */
        boolean tellsOfTheFile() {
            return loading != null
                    && !(loading.startsWith("loaded 0 of") && kohyaNames)
                    && !algorithms.contains("tlora");
        }

        Outcome[] ofLycoris() {
            if (!loading.startsWith("loaded ")) {
                return new Outcome[] {Outcome.REJECTS};
            }
            String[] words = loading.split(" ");
            return words[1].equals(words[3])
                    ? new Outcome[] {Outcome.EXACT, Outcome.APPROXIMATE}
                    : new Outcome[] {Outcome.PARTIAL, Outcome.REJECTS};
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void peftTakesItsOwnFilesAndNoOthers(Path golden) throws IOException, MalformedTensorFileException {
        Outcome[] expected = Seen.of(golden).byPeft()
                ? new Outcome[] {Outcome.EXACT}
                : new Outcome[] {Outcome.REJECTS, Outcome.PARTIAL};
        assertThat(predict(golden).get("peft@0.21").outcome()).isIn((Object[]) expected);
    }

    @ParameterizedTest
    @MethodSource("casesThatLycorisWasGiven")
    void lycorisDoesWhatItDidWithTheFile(Path golden) throws IOException, MalformedTensorFileException {
        Seen seen = Seen.of(golden);
        Prediction prediction = predict(golden).get("lycoris@4.1");
        assertThat(prediction.outcome())
                .as("%s; it said %s", prediction.reason(), seen.loading())
                .isIn((Object[]) seen.ofLycoris());
    }
}
