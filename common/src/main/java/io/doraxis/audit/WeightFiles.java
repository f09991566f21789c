package io.doraxis.audit;

import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Container;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TorchReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reads the tensors' names, shapes and places of one weight file, whatever its container. */
record WeightFiles(ReadingLog log) {
    /** Those of the files that can be read, up to as many tensors as a program would write. */
    List<Part> headers(List<FetchedFile> files) {
        List<Part> parts = new ArrayList<>();
        int tensors = 0;
        for (FetchedFile file : files) {
            Optional<TensorIndex> index = header(file);
            tensors += index.map(found -> found.tensors().size()).orElse(0);
            if (tensors > SafetensorsReader.MAX_TENSORS) {
                tooManyTensors(file);
                break;
            }
            index.ifPresent(found -> parts.add(new Part(file.object(), found)));
        }
        return parts;
    }

    private Optional<TensorIndex> header(FetchedFile file) {
        if (file.failure() != null) {
            log.failed(file.failure());
            return Optional.empty();
        }
        Container container = Container.of(file.head(), file.length());
        log.container(container.name());
        try {
            return Optional.of(read(container, file));
        } catch (MalformedTensorFileException e) {
            log.failed(file.object(), e);
        } catch (IOException e) {
            log.failed(e);
        }
        return Optional.empty();
    }

    private TensorIndex read(Container container, FetchedFile file) throws MalformedTensorFileException, IOException {
        RangeReader reader = log.counted(file.reader());
        if (container == Container.UNKNOWN && !isCalledSafetensors(file.object())) {
            throw new MalformedTensorFileException(
                    Reason.UNSUPPORTED_CONTAINER, 0, "bytes of no known container", "safetensors");
        }
        return switch (container) {
            case TORCH_ZIP, ZIP, TORCH_LEGACY, TORCH_TAR, PICKLE ->
                TorchReader.read(container, reader, file.head(), file.length(), log.pickles());
            default -> SafetensorsReader.read(reader, file.head(), file.length());
        };
    }

    private static boolean isCalledSafetensors(StoredObject object) {
        String name = object.fileName().toLowerCase(Locale.ROOT);
        return name.endsWith(".safetensors") || name.endsWith(".sft");
    }

    private void tooManyTensors(FetchedFile file) {
        log.failed(
                file.object(),
                new MalformedTensorFileException(
                        Reason.OVER_LIMIT,
                        0,
                        "more than " + SafetensorsReader.MAX_TENSORS + " tensors in all shards",
                        "what a program would write"));
    }

    TensorData values(ValueSource values, FetchedFile file, TensorIndex index) {
        try {
            Values read = values.of(file, index);
            log.count(read);
            return read.data();
        } catch (IOException e) {
            log.failed(e);
            return TensorData.NONE;
        }
    }
}
