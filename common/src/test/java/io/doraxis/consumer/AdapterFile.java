package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** An adapter in memory: names and shapes, and the values of its alphas. */
final class AdapterFile {
    private final List<TensorInfo> tensors = new ArrayList<>();
    private final ByteArrayOutputStream alphas = new ByteArrayOutputStream();
    private PeftConfig config;
    private Reason unread;
    private boolean alphaRead = true;

    static AdapterFile of() {
        return new AdapterFile();
    }

    AdapterFile tensor(String name, long... shape) {
        tensors.add(new TensorInfo(name, Dtype.F32, Shape.of(shape), Long.MAX_VALUE - 1, Long.MAX_VALUE));
        return this;
    }

    AdapterFile alpha(String module, float alpha) {
        long begin = alphas.size();
        alphas.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(alpha)
                .array());
        tensors.add(new TensorInfo(module + ".alpha", Dtype.F32, Shape.of(), begin, begin + 4));
        return this;
    }

    /** A linear LoRA of rank 4 with alpha 4. */
    AdapterFile lora(String module, long out, long in) {
        return tensor(module + ".lora_down.weight", 4, in)
                .tensor(module + ".lora_up.weight", out, 4)
                .alpha(module, 4);
    }

    /** A linear LoRA of rank 4 in PEFT's spelling. */
    AdapterFile peftLora(String module, long out, long in) {
        return tensor("base_model.model." + module + ".lora_A.weight", 4, in)
                .tensor("base_model.model." + module + ".lora_B.weight", out, 4);
    }

    AdapterFile config(String json) {
        try {
            config = PeftConfig.parse(json.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    /** With a configuration that could not be read. */
    AdapterFile unread(Reason why) {
        unread = why;
        return this;
    }

    AdapterFile withoutReadingAlpha() {
        alphaRead = false;
        return this;
    }

    Prediction predict(String consumer) {
        Map<String, Prediction> predictions = predict();
        assertThat(predictions).containsKey(consumer);
        return predictions.get(consumer);
    }

    Map<String, Prediction> predict() {
        TensorData data = alphaRead ? TensorData.ofHead(alphas.toByteArray(), alphas.size()) : TensorData.NONE;
        return predict(new TensorIndex(tensors, Map.of(), 0, List.of()), data, config, unread);
    }

    static Map<String, Prediction> predict(TensorIndex index, TensorData data, PeftConfig config) {
        return predict(index, data, config, null);
    }

    private static Map<String, Prediction> predict(
            TensorIndex index, TensorData data, PeftConfig config, Reason unread) {
        AdapterIndex adapter = AdapterIndex.of(index, data, config);
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), data);
        FileFacts facts = FileFacts.of(adapter, verdict, config, unread);
        Map<String, Prediction> predictions = ConsumerRules.bundled().predict(facts);
        assertThat(ConsumerRules.bundled().predict(FileFacts.stored(facts.kinds(), facts.fault())))
                .as("as predicted from what a table keeps")
                .isEqualTo(predictions);
        return predictions;
    }
}
