package io.doraxis.merge;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * One file of a merged model.
 *
 * @param name of the file
 * @param tensors in the order in which they are written, which is that of the base
 */
public record OutputShard(String name, List<OutputTensor> tensors) {
    private static final String EXTENSION = ".safetensors";
    private static final String DIFFUSERS = "diffusion_pytorch_model";
    private static final Pattern TORCH = Pattern.compile("(?:pytorch_)?(.*)\\.(?:bin|pt|pth|ckpt)");

    public OutputShard {
        tensors = List.copyOf(tensors);
    }

    /** Size of its data. */
    public long bytes() {
        return tensors.stream().mapToLong(OutputTensor::bytes).sum();
    }

    /** All tensors in one file of that name. */
    public static List<OutputShard> single(String name, List<List<OutputTensor>> files) {
        return List.of(
                new OutputShard(name, files.stream().flatMap(List::stream).toList()));
    }

    /**
     * A file for each of the base's.
     *
     * @param names of the base's files
     */
    public static List<OutputShard> asBase(List<String> names, List<List<OutputTensor>> files) {
        List<OutputShard> shards = new ArrayList<>(files.size());
        for (int i = 0; i < files.size(); i++) {
            shards.add(new OutputShard(safetensorsName(names.get(i)), files.get(i)));
        }
        return shards;
    }

    /**
     * As many files as it takes for none to have more data than that, unless it is one tensor.
     *
     * @param names of the base's files: diffusers finds only what is called as its own are
     */
    public static List<OutputShard> upTo(long bytes, List<String> names, List<List<OutputTensor>> files) {
        List<List<OutputTensor>> parts = new ArrayList<>();
        long size = Long.MAX_VALUE;
        for (OutputTensor tensor : files.stream().flatMap(List::stream).toList()) {
            if (size > bytes - tensor.bytes()) {
                parts.add(new ArrayList<>());
                size = 0;
            }
            parts.get(parts.size() - 1).add(tensor);
            size += tensor.bytes();
        }
        String stem = names.get(0).startsWith(DIFFUSERS) ? DIFFUSERS : "model";
        List<OutputShard> shards = new ArrayList<>(parts.size());
        for (List<OutputTensor> part : parts) {
            String name = parts.size() == 1
                    ? stem + EXTENSION
                    : "%s-%05d-of-%05d%s".formatted(stem, shards.size() + 1, parts.size(), EXTENSION);
            shards.add(new OutputShard(name, part));
        }
        return shards;
    }

    /** A weight file's name as transformers would call it in safetensors: {@code pytorch_model.bin} becomes model. */
    static String safetensorsName(String name) {
        var torch = TORCH.matcher(name);
        return torch.matches() ? torch.group(1) + EXTENSION : name;
    }
}
