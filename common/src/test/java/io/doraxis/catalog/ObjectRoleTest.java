package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ObjectRoleTest {
    @ParameterizedTest
    @CsvSource({
        "model.safetensors, WEIGHTS",
        "Mein Löwe.SafeTensors, WEIGHTS",
        "a.sft, WEIGHTS",
        "pytorch_model.bin, WEIGHTS",
        "a.pt, WEIGHTS",
        "a.pth, WEIGHTS",
        "a.ckpt, WEIGHTS",
        "a.gguf, WEIGHTS",
        "a.pkl, WEIGHTS",
        "a.npz, WEIGHTS",
        "a.h5, WEIGHTS",
        "a.onnx, WEIGHTS",
        "adapter_config.json, ADAPTER_CONFIG",
        "Adapter_Config.JSON, IGNORED_CONFIG",
        "model.safetensors.index.json, SHARD_INDEX",
        "pytorch_model.bin.index.json, SHARD_INDEX",
        "model.idx.index.json, IGNORED_CONFIG",
        "model.safetensors.index.fp16.json, SHARD_INDEX",
        "diffusion_pytorch_model.safetensors.fp16.index.json, SHARD_INDEX",
        "model.fp16.safetensors.index.json, SHARD_INDEX",
        "tokens.index.json, IGNORED_CONFIG",
        "config.json, IGNORED_CONFIG",
        "a.civitai.info, IGNORED_CONFIG",
        "tokenizer.model, IGNORED_CONFIG",
        "README.md, IGNORED_TEXT",
        "merges.txt, IGNORED_TEXT",
        "a.preview.png, IGNORED_MEDIA",
        "a.WEBP, IGNORED_MEDIA",
        "LICENSE, IGNORED_OTHER",
        "safetensors, IGNORED_OTHER",
        "a.zip, IGNORED_OTHER",
        "a., IGNORED_OTHER",
    })
    void isToldByTheName(String name, ObjectRole role) {
        assertThat(ObjectRole.of(object("s3a://hub/org/x/" + name))).isEqualTo(role);
    }

    @Test
    void whatCachesAndVersionControlHoldIsIgnored() {
        assertThat(ObjectRole.of(object("file:/hub/x/.cache/huggingface/download/a.safetensors")))
                .isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object("file:/hub/x/.git/lfs/objects/a.bin"))).isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object("file:/hub/x.cache/a.bin"))).isEqualTo(ObjectRole.WEIGHTS);
    }

    @Test
    void ofADownloadCacheOnlyTheSnapshotsCount() {
        String repository = "file:/home/user/.cache/hub/models--org--name/";
        assertThat(ObjectRole.of(object(repository + "snapshots/0a1b/unet/a.safetensors")))
                .isEqualTo(ObjectRole.WEIGHTS);
        assertThat(ObjectRole.of(object(repository + "blobs/0a1b2c.bin"))).isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object(repository + ".no_exist/0a1b/a.safetensors")))
                .isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object(repository + "refs/main"))).isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object("file:/hub/.locks/models--org--name/a.bin")))
                .isEqualTo(ObjectRole.IGNORED_CACHE);
        assertThat(ObjectRole.of(object("file:/hub/x/.cache/huggingface/download/a.safetensors.incomplete")))
                .isEqualTo(ObjectRole.IGNORED_CACHE);
    }

    @Test
    void anObjectHasAFolderAndAName() {
        assertThat(object("s3a://hub/a/b.bin").directory()).isEqualTo("s3a://hub/a");
        assertThat(object("s3a://hub/a/b.bin").fileName()).isEqualTo("b.bin");
        assertThat(object("b.bin").directory()).isEmpty();
        assertThat(object("b.bin").fileName()).isEqualTo("b.bin");
    }

    private static StoredObject object(String uri) {
        return new StoredObject(uri, 1, null, 0);
    }
}
