package io.doraxis.audit;

import io.doraxis.catalog.StoredObject;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Fetched files as the store would bring them. */
final class AuditFiles {
    static final String FOLDER = "s3a://hub/x/";

    private AuditFiles() {}

    static StoredObject object(String name, long size) {
        return new StoredObject(FOLDER + name, size, "e", 0);
    }

    static FetchedFile fetched(String name, byte[] bytes) {
        return FetchedFile.of(object(name, bytes.length), bytes, FakeFile.of(bytes));
    }

    static FetchedFile fetched(String name, String text) {
        return fetched(name, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Of which the first request brought no more than that many bytes. */
    static FetchedFile fetched(String name, FakeFile file, int headSize) {
        return FetchedFile.of(object(name, file.length()), file.head(headSize), file);
    }

    static FetchedFile failed(String name, Reason reason) {
        return FetchedFile.failed(object(name, 10), new FetchedFile.Failure(reason, FOLDER + name + ": " + reason));
    }

    /** A rank 1 DoRA of a 2 by 3 layer on the output axis. */
    static byte[] adapter() {
        return file(
                Tensor.ofFloats("lora_unet_a.lora_down.weight", Shape.of(1, 3), 1, 2, 3),
                Tensor.ofFloats("lora_unet_a.lora_up.weight", Shape.of(2, 1), 1, 2),
                Tensor.ofFloats("lora_unet_a.alpha", Shape.of(), 0.5f),
                Tensor.ofFloats("lora_unet_a.dora_scale", Shape.of(2, 1), 1, 2));
    }

    static byte[] peftAdapter() {
        return file(
                Tensor.ofFloats("base_model.model.a.lora_A.weight", Shape.of(1, 3), 1, 2, 3),
                Tensor.ofFloats("base_model.model.a.lora_B.weight", Shape.of(2, 1), 1, 2));
    }

    static byte[] shard(String tensor) {
        return file(Tensor.ofFloats(tensor, Shape.of(2), 1, 2));
    }

    static byte[] file(Tensor... tensors) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            SafetensorsWriter.write(out, List.of(tensors), Map.of());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }
}
