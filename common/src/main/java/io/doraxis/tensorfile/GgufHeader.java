package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * What the begin of a GGUF file says of it, for a message: GGUF is named, not read. As llama.cpp writes it: magic, u32
 * version, u64 tensors, u64 pairs, then the pairs: a name (u64 length and bytes), u32 type, a value.
 */
final class GgufHeader {
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    /** Bytes of a value by its type; strings and arrays have a length of their own. */
    private static final int[] WIDTHS = {1, 1, 2, 2, 4, 4, 4, 1, -1, -1, 8, 8, 8};

    private static final int MAX_TEXT = 200;

    private final byte[] head;
    private final int length;
    private int at = 8;

    private GgufHeader(byte[] head, int length) {
        this.head = head;
        this.length = length;
    }

    /** As far as the first bytes tell: {@code a GGUF LoRA adapter of llama, 448 tensors}. */
    static String describe(byte[] head, int length) {
        GgufHeader gguf = new GgufHeader(head, length);
        long tensors = gguf.number(8);
        long pairs = gguf.number(8);
        Map<String, String> texts = gguf.texts(pairs);
        String kind = "adapter".equals(texts.get("general.type"))
                ? "a GGUF " + ("lora".equals(texts.get("adapter.type")) ? "LoRA adapter" : "adapter")
                : "a GGUF model";
        String architecture = texts.get("general.architecture");
        return kind
                + (architecture == null ? "" : " of " + Printable.of(architecture, MAX_TEXT))
                + (tensors < 0 || tensors > SafetensorsReader.MAX_TENSORS ? "" : ", " + tensors + " tensors");
    }

    /** The values that are texts, up to the first pair that does not end within the bytes in hand. */
    private Map<String, String> texts(long pairs) {
        Map<String, String> texts = new HashMap<>();
        for (long i = 0; i < pairs; i++) {
            String name = text();
            long type = number(4);
            if (name == null || type < 0) {
                break;
            }
            if (type == STRING) {
                String value = text();
                if (value == null) {
                    break;
                }
                texts.put(name, value);
            } else if (!skip(type)) {
                break;
            }
        }
        return texts;
    }

    private boolean skip(long type) {
        if (type == ARRAY) {
            long elementType = number(4);
            long count = number(8);
            if (elementType < 0 || elementType >= WIDTHS.length || count < 0) {
                return false;
            }
            int width = WIDTHS[(int) elementType];
            return width > 0 && count <= length && step(count * width); // texts are not stepped over
        }
        return type < WIDTHS.length && WIDTHS[(int) type] > 0 && step(WIDTHS[(int) type]);
    }

    private boolean step(long bytes) {
        if (bytes > length - at) {
            return false;
        }
        at += (int) bytes;
        return true;
    }

    /** A little-endian number; -1 where the bytes in hand end, or it has a sign. */
    private long number(int bytes) {
        if (bytes > length - at) {
            return -1;
        }
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            value = value << 8 | head[at + i] & 0xff;
        }
        at += bytes;
        return value;
    }

    private String text() {
        long bytes = number(8);
        if (bytes < 0 || bytes > length - at) {
            return null;
        }
        at += (int) bytes;
        return new String(head, at - (int) bytes, (int) bytes, StandardCharsets.UTF_8);
    }
}
