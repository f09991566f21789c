package io.doraxis.catalog;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

    /** {@code models--org--name/snapshots/COMMIT/...}, with blobs, refs, trees and .no_exist beside the snapshots. */
    private static final Pattern CACHED_REPOSITORY = Pattern.compile("/(?:models|datasets|spaces)--[^/]+/([^/]+)/");

    /**
     * What Hugging Face's download cache keeps beside the files of its snapshots, which are links to the blobs, and what
     * version control keeps.
     */
    private static boolean isOfCache(String uri) {
        if (uri.contains("/.cache/huggingface/") || uri.contains("/.git/") || uri.contains("/.locks/")) {
            return true;
        }
        Matcher repository = CACHED_REPOSITORY.matcher(uri);
        return repository.find() && !repository.group(1).equals("snapshots");
    }

    public static ObjectRole of(StoredObject object) {
        String uri = object.uri();
        if (object.isUnlistable()) {
            return WEIGHTS; // who knows what it holds
        }
        if (isOfCache(uri)) {
            return IGNORED_CACHE;
        }
        if (object.fileName().equals(FolderGrouping.PEFT_CONFIG)) {
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
