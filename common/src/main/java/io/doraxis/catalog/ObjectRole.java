package io.doraxis.catalog;

import java.util.Locale;
import java.util.Set;

/** What an object's name makes it a candidate for. */
public enum ObjectRole {
    /** A file that may hold tensors: it gets a row, alone or within a checkpoint. */
    WEIGHTS,
    /** PEFT's adapter_config.json. */
    ADAPTER_CONFIG,
    /** The index of a sharded model. */
    SHARD_INDEX,
    IGNORED_CONFIG,
    IGNORED_TEXT,
    IGNORED_MEDIA,
    /** Files of download caches and version control. */
    IGNORED_CACHE,
    IGNORED_OTHER;

    private static final Set<String> WEIGHTS_EXTENSIONS = Set.of(
            "safetensors",
            "sft",
            "bin",
            "pt",
            "pth",
            "ckpt",
            "gguf",
            "ggml",
            "pkl",
            "pickle",
            "npz",
            "npy",
            "h5",
            "msgpack",
            "onnx",
            "pb",
            "tflite");
    private static final Set<String> CONFIG_EXTENSIONS =
            Set.of("json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "xml", "model", "info");
    private static final Set<String> TEXT_EXTENSIONS =
            Set.of("md", "txt", "rst", "csv", "tsv", "py", "ipynb", "html", "log");
    private static final Set<String> MEDIA_EXTENSIONS =
            Set.of("png", "jpg", "jpeg", "webp", "gif", "mp4", "webm", "wav", "mp3", "svg", "avif");

    public static ObjectRole of(StoredObject object) {
        String uri = object.uri();
        if (object.isUnlistable()) {
            return WEIGHTS; // who knows what it holds
        }
        if (uri.contains("/.cache/huggingface/download/") || uri.contains("/.git/")) {
            return IGNORED_CACHE;
        }
        if (object.fileName().equals("adapter_config.json")) {
            return ADAPTER_CONFIG;
        }
        String name = object.fileName().toLowerCase(Locale.ROOT);
        if (FolderGrouping.INDEX.matcher(object.fileName()).matches()) {
            return SHARD_INDEX;
        }
        String extension = name.substring(name.lastIndexOf('.') + 1);
        if (WEIGHTS_EXTENSIONS.contains(extension) && name.length() > extension.length()) {
            return WEIGHTS;
        }
        return CONFIG_EXTENSIONS.contains(extension)
                ? IGNORED_CONFIG
                : TEXT_EXTENSIONS.contains(extension)
                        ? IGNORED_TEXT
                        : MEDIA_EXTENSIONS.contains(extension) ? IGNORED_MEDIA : IGNORED_OTHER;
    }
}
