package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FirstReadTest {
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    @Test
    void aSmallFileIsReadWhole() {
        assertThat(weights("a.safetensors", 0)).isZero();
        assertThat(weights("a.safetensors", 4 * MIB - 1)).isEqualTo(4 * MIB - 1);
        assertThat(weights("model-00001-of-00002.safetensors", 1000)).isEqualTo(1000);
    }

    @Test
    void aShardHasASmallHeader() {
        assertThat(weights("model-00001-of-00002.safetensors", 5 * GIB)).isEqualTo(64 * KIB);
        assertThat(weights("model.fp16-00001-of-00002.safetensors", 4 * MIB)).isEqualTo(64 * KIB);
        assertThat(weights("model-1-of-2.safetensors", 4 * MIB)).isEqualTo(512 * KIB);
    }

    @Test
    void aFileUpToTwoGibibytesMayBeAnAdapter() {
        assertThat(weights("a.safetensors", 4 * MIB)).isEqualTo(512 * KIB);
        assertThat(weights("a.safetensors", 2 * GIB)).isEqualTo(512 * KIB);
        assertThat(weights("a.safetensors", 2 * GIB + 1)).isEqualTo(256 * KIB);
    }

    @Test
    void aSideFileIsReadWholeUnlessItCannotBeOne() {
        assertThat(FirstRead.ofSideFile(object("adapter_config.json", 700))).isEqualTo(700);
        assertThat(FirstRead.ofSideFile(object("adapter_config.json", 100 * GIB)))
                .isEqualTo(4 * MIB);
        assertThat(FirstRead.ofSideFile(object("model.safetensors.index.json", 100 * GIB)))
                .isEqualTo(64 * MIB);
    }

    private static int weights(String name, long size) {
        return FirstRead.ofWeights(object(name, size));
    }

    private static StoredObject object(String name, long size) {
        return new StoredObject("s3a://hub/x/" + name, size, null, 0);
    }
}
