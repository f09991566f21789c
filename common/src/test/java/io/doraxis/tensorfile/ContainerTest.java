package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ContainerTest {
    static List<Arguments> beginnings() {
        String tar = "weights/a.pt" + "\0".repeat(245) + "ustar\0" + "00";
        String torchTar = tarHeader("sys_info", '0', 9);
        String pax = tarHeader("././@PaxHeader", 'x', 28) + "28 mtime=1489000000.2500000\n" + "\0".repeat(512 - 28);
        return List.of(
                Arguments.of("\u0010\0\0\0\0\0\0\0{}              ", Container.SAFETENSORS),
                Arguments.of("\u00ff\u00e0\u00f5\u0005\0\0\0\0{", Container.SAFETENSORS),
                Arguments.of(zipEntry("model/data.pkl"), Container.TORCH_ZIP),
                Arguments.of(zipEntry("model/.format_version"), Container.TORCH_ZIP),
                Arguments.of(zipEntry("weights.npy"), Container.ZIP),
                Arguments.of("PK\u0005\u0006\0\0\0\0\0\0", Container.ZIP),
                Arguments.of(
                        "\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.\u0080\u0002M",
                        Container.TORCH_LEGACY),
                Arguments.of("\u0080\u0002}q\0(X\u0001", Container.PICKLE),
                Arguments.of("\u0080\u0005\u0095\0\u0001\0\0\0\0\0\0", Container.PICKLE),
                Arguments.of("\u00fd7zXZ\0\0\u0004", Container.XZ),
                Arguments.of("BZh91AY&SY", Container.BZIP2),
                Arguments.of("Rar!\u001a\u0007\u0001\0", Container.RAR),
                Arguments.of("\u001c\0\0\0TFL3\u0014\0", Container.TFLITE),
                Arguments.of("\b\b\u0012\u0007pytorch\u001a\u0005", Container.ONNX),
                Arguments.of("\b\u0001\u0012\u00cb\u0092\u0001\n\u00a4\u0001\u0012", Container.TENSORFLOW),
                Arguments.of("\b\u0001\u0012\u00ff\u00ff\u00ff\u00ff\u00ff", Container.UNKNOWN), // and no more
                Arguments.of("\u0082\u00a6params\u0082\u00a5layer", Container.MSGPACK),
                Arguments.of("\u00de\0\u0010\u00a7encoder\u0081", Container.MSGPACK),
                Arguments.of("GGUF\u0003\0\0\0\u0001", Container.GGUF),
                Arguments.of("lmgg\u0001\0\0\u0001", Container.GGML),
                Arguments.of("tjgg\u0001\0\0\u0001", Container.GGML),
                Arguments.of("\u0089HDF\r\n\u001a\n", Container.HDF5),
                Arguments.of("\u0093NUMPY\u0001\0v\0", Container.NUMPY),
                Arguments.of("\u001f\u008b\b\0\0\0\0\u0001", Container.GZIP),
                Arguments.of("\u001f\u008b\b\0\0\0\0\0\0\u00ff", Container.GZIP), // of no time
                Arguments.of("\u0080\u0004\u0095\r\0\0\0\0\0\0\0\u008a", Container.PICKLE), // of a small frame
                Arguments.of("a" + "\0".repeat(256) + "ustar\0" + "00", Container.TAR),
                Arguments.of("7z\u00bc\u00af'\u001c\0\u0004", Container.SEVEN_ZIP),
                Arguments.of("(\u00b5/\u00fd$\u0001\u0002\u0003", Container.ZSTD),
                Arguments.of(tar, Container.TAR),
                Arguments.of(torchTar, Container.TORCH_TAR),
                Arguments.of(pax + torchTar, Container.TORCH_TAR),
                Arguments.of(pax + tarHeader("weights/a.pt", '0', 9), Container.TAR),
                Arguments.of(tarHeader("././@PaxHeader", 'x', 1 << 30), Container.TAR),
                Arguments.of(
                        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
                        Container.GIT_LFS_POINTER),
                Arguments.of("../../blobs/" + "0a".repeat(32), Container.CACHE_LINK),
                Arguments.of("../../../blobs/" + "0a".repeat(20) + "\n", Container.CACHE_LINK),
                Arguments.of("..\\..\\blobs\\" + "0a".repeat(32) + "\r\n", Container.CACHE_LINK),
                Arguments.of(
                        "/home/a/.cache/huggingface/hub/models--a--b/blobs/" + "9f".repeat(32), Container.CACHE_LINK),
                Arguments.of("../../blobs/" + "0a".repeat(32) + " is not there", Container.TEXT),
                Arguments.of("see ../../blobs/" + "0a".repeat(32), Container.TEXT),
                Arguments.of("../../blobs/readme", Container.TEXT),
                Arguments.of("<!DOCTYPE html>", Container.HTML),
                Arguments.of("\r\n <html lang=\"de\">", Container.HTML),
                Arguments.of("{\"error\":\"no\"}", Container.JSON),
                Arguments.of(" [1, 2]", Container.JSON),
                Arguments.of("Entry not found", Container.TEXT),
                Arguments.of("{}", Container.JSON),
                Arguments.of("An error occurred: Zugriff verweigert \u00c3\u00bc", Container.TEXT),
                Arguments.of("", Container.EMPTY),
                Arguments.of("\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007", Container.UNKNOWN),
                Arguments.of("\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff", Container.UNKNOWN));
    }

    @ParameterizedTest
    @MethodSource("beginnings")
    void isToldFromTheFirstBytes(String beginning, Container container) {
        byte[] head = beginning.getBytes(StandardCharsets.ISO_8859_1);
        assertThat(Container.of(head, head.length)).isEqualTo(container);
        assertThat(Container.of(Arrays.copyOf(head, 3000), head.length))
                .as("in a longer buffer")
                .isEqualTo(container);
    }

    @Test
    void everyContainerHasABeginning() {
        Set<Object> told =
                beginnings().stream().map(arguments -> arguments.get()[1]).collect(Collectors.toSet());
        assertThat(told).isEqualTo(EnumSet.allOf(Container.class));
    }

    @Test
    void everyPrefixOfEveryBeginningIsSomeContainer() {
        for (Arguments arguments : beginnings()) {
            byte[] head = ((String) arguments.get()[0]).getBytes(StandardCharsets.ISO_8859_1);
            for (int length = 0; length <= head.length; length++) {
                assertThat(Container.of(Arrays.copyOf(head, length), length)).isNotNull();
            }
        }
    }

    private static String tarHeader(String name, char kind, int size) {
        String size11 = "%011o".formatted(size);
        String numbers = "0000600\0" + "0000000\0" + "0000000\0" + size11 + "\0" + "00000000000\0" + "000000\0 ";
        String magic = kind + "\0".repeat(100) + "ustar\0" + "00";
        return name + "\0".repeat(100 - name.length()) + numbers + magic + "\0".repeat(512 - 265);
    }

    /** The begin of an archive whose first entry has that name. */
    private static String zipEntry(String name) {
        return "PK\u0003\u0004\0\0\b\b" + "\0".repeat(18) + (char) name.length() + "\0\0\0" + name;
    }
}
