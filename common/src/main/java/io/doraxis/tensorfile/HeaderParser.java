package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Finding.Code.DUPLICATE_TENSOR_NAME;
import static io.doraxis.tensorfile.Finding.Code.LEADING_WHITESPACE;
import static io.doraxis.tensorfile.Finding.Code.NO_TENSORS;
import static io.doraxis.tensorfile.Finding.Code.SUSPICIOUS_TENSOR_NAME;
import static io.doraxis.tensorfile.Finding.Code.UNUSUAL_ENTRY_FORM;
import static io.doraxis.tensorfile.Reason.DUPLICATE_FIELD;
import static io.doraxis.tensorfile.Reason.INVALID_JSON;
import static io.doraxis.tensorfile.Reason.MISSING_FIELD;
import static io.doraxis.tensorfile.Reason.UNKNOWN_DTYPE;
import static io.doraxis.tensorfile.Reason.WRONG_TYPE;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The grammar of a safetensors header over {@link JsonCursor}: names to entries, and the metadata. */
final class HeaderParser {
    private static final int MAX_DIMS = 1 << 10;

    /** About what a name and its entry take. */
    private static final int USUAL_ENTRY_BYTES = 128;

    private static final int DTYPE = 1;
    private static final int SHAPE = 2;
    private static final int OFFSETS = 4;

    private final JsonCursor json;
    private final long dataStart;

    private final List<TensorInfo> tensors = new ArrayList<>();
    private final NameTable names;
    private boolean replaced;
    private boolean inOrder = true;
    private long lastBegin;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final List<Finding> findings = new ArrayList<>();
    private final Tally duplicates = new Tally();
    private final Tally suspicious = new Tally();
    private final Tally unusual = new Tally();

    private final TensorEntry entry = new TensorEntry();

    HeaderParser(HeaderWindow window, long dataStart) {
        this.json = new JsonCursor(window);
        this.names = new NameTable(window.inHand() / USUAL_ENTRY_BYTES);
        this.dataStart = dataStart;
    }

    List<TensorInfo> tensors() {
        return tensors;
    }

    /** Whether they stand in the order of their data, as most writers leave them. */
    boolean areInOrder() {
        return inOrder;
    }

    Map<String, String> metadata() {
        return metadata;
    }

    List<Finding> findings() {
        return findings;
    }

    void parse() throws MalformedTensorFileException, IOException {
        if (json.skipWhitespace()) {
            findings.add(new Finding(LEADING_WHITESPACE, "white space before the header's first brace"));
        }
        if (json.peek() != '{') {
            throw json.unexpectedType("the header's opening brace");
        }
        json.enter();
        boolean metadataSeen = false;
        boolean more = json.peekToken() != '}';
        while (more) {
            long at = json.position();
            String name = json.key();
            boolean odd = !json.textIsPlain();
            long hash = json.textHash();
            json.colon();
            if (name.equals(SafetensorsReader.METADATA)) {
                if (metadataSeen) {
                    throw new MalformedTensorFileException(
                            DUPLICATE_FIELD, at, "a second " + SafetensorsReader.METADATA, "one at the most");
                }
                metadataSeen = true;
                readMetadata();
            } else {
                if (tensors.size() == SafetensorsReader.MAX_TENSORS) {
                    throw JsonCursor.overLimit(at, "more than " + SafetensorsReader.MAX_TENSORS + " tensors");
                }
                readEntry(at);
                add(name, hash, odd);
            }
            more = json.another('}');
        }
        json.leave('}');
        json.expectEnd();
        if (replaced) {
            tensors.removeIf(tensor -> tensor == null);
        }
        duplicates.report(DUPLICATE_TENSOR_NAME, "%d names again, of which the last entry counts: ", findings);
        suspicious.report(SUSPICIOUS_TENSOR_NAME, "%d names: ", findings);
        unusual.report(UNUSUAL_ENTRY_FORM, "%d times: ", findings);
        if (tensors.isEmpty()) {
            findings.add(new Finding(NO_TENSORS, "the header names no tensor"));
        }
    }

    private void add(String name, long hash, boolean odd) {
        Shape shape = Shape.copyOf(entry.dims, entry.rank);
        TensorInfo tensor = new TensorInfo(name, entry.dtype, shape, dataStart + entry.begin, dataStart + entry.end);
        inOrder &= Long.compareUnsigned(tensor.begin(), lastBegin) > 0;
        lastBegin = tensor.begin();
        int earlier = names.put(hash, name, tensors.size(), tensors);
        if (earlier >= 0) {
            tensors.set(earlier, null);
            replaced = true;
            duplicates.add("'" + name + "'");
        } else if (isSuspicious(name, odd)) {
            suspicious.add("'" + name + "'");
        }
        tensors.add(tensor);
    }

    /** Whether a name could lead a careless program astray; control characters stand in it only if escaped. */
    private static boolean isSuspicious(String name, boolean odd) {
        return name.isEmpty()
                || name.indexOf(0x7f) >= 0
                || name.contains("../")
                || odd && (name.indexOf('\\') >= 0 || Printable.alters(name));
    }

    // {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, or the same three in a list.
    private void readEntry(long at) throws MalformedTensorFileException, IOException {
        if (json.readUsualEntry(entry)) {
            return;
        }
        int seen = 0;
        if (json.peekToken() == '[') {
            unusual.add("an entry at byte " + at + " is a list");
            readEntryList();
            return;
        }
        if (json.peek() != '{') {
            throw json.unexpectedType("an object with dtype, shape and data_offsets");
        }
        json.enter();
        boolean more = json.peekToken() != '}';
        while (more) {
            long fieldAt = json.position();
            json.scanKey();
            int field = json.textEquals("dtype")
                    ? DTYPE
                    : json.textEquals("shape") ? SHAPE : json.textEquals("data_offsets") ? OFFSETS : 0;
            json.colon();
            if ((seen & field) != 0) {
                throw new MalformedTensorFileException(
                        DUPLICATE_FIELD, fieldAt, "a second " + fieldName(field), "each field once");
            }
            seen |= field;
            readField(field);
            more = json.another('}');
        }
        json.leave('}');
        if (seen != (DTYPE | SHAPE | OFFSETS)) {
            int missing = (seen & DTYPE) == 0 ? DTYPE : (seen & SHAPE) == 0 ? SHAPE : OFFSETS;
            throw new MalformedTensorFileException(
                    MISSING_FIELD, at, "an entry without " + fieldName(missing), "dtype, shape and data_offsets");
        }
    }

    private void readField(int field) throws MalformedTensorFileException, IOException {
        switch (field) {
            case DTYPE -> readDtype();
            case SHAPE -> readShape();
            case OFFSETS -> readOffsets();
            default -> json.skipValue();
        }
    }

    private static String fieldName(int field) {
        return field == DTYPE ? "dtype" : field == SHAPE ? "shape" : "data_offsets";
    }

    private void readEntryList() throws MalformedTensorFileException, IOException {
        json.enter();
        for (int field : new int[] {DTYPE, SHAPE, OFFSETS}) {
            if (json.peekToken() == ']') {
                throw json.unexpectedType("dtype, shape and data_offsets");
            }
            readField(field);
            if (json.another(']') == (field == OFFSETS)) {
                throw json.unexpectedType("a list of exactly three");
            }
        }
        json.leave(']');
    }

    private void readDtype() throws MalformedTensorFileException, IOException {
        if (json.peekToken() == '{') { // the reference's parser takes {"F32": null} for "F32"
            unusual.add("a dtype at byte " + json.position() + " is an object");
            json.enter();
            dtypeOfText();
            json.colon();
            json.nullOrEmptyObject();
            if (json.another('}')) {
                throw json.unexpectedType("an object of one dtype");
            }
            json.leave('}');
            return;
        }
        if (json.peek() != '"') {
            throw json.unexpectedType("the name of a dtype");
        }
        dtypeOfText();
    }

    private void dtypeOfText() throws MalformedTensorFileException, IOException {
        long at = json.position();
        json.scanKey();
        if (!json.textEquals(entry.dtype.name())) { // mostly the same as before
            String name = json.text();
            entry.dtype = Dtype.of(name)
                    .orElseThrow(() -> new MalformedTensorFileException(
                            UNKNOWN_DTYPE,
                            at,
                            "dtype '" + Printable.name(name) + "'",
                            "one of safetensors 0.8.0's 22 dtypes"));
        }
    }

    private void readShape() throws MalformedTensorFileException, IOException {
        if (json.peekToken() != '[') {
            throw json.unexpectedType("a list of dimensions");
        }
        json.enter();
        entry.rank = 0;
        boolean more = json.peekToken() != ']';
        while (more) {
            if (entry.rank == MAX_DIMS) {
                throw JsonCursor.overLimit(json.position(), "a shape of more than " + MAX_DIMS + " dimensions");
            }
            entry.addDim(json.unsignedLong());
            more = json.another(']');
        }
        json.leave(']');
    }

    private void readOffsets() throws MalformedTensorFileException, IOException {
        if (json.peekToken() != '[') {
            throw json.unexpectedType("a list of two offsets");
        }
        json.enter();
        if (json.peekToken() == ']') {
            throw json.unexpectedType("two offsets");
        }
        entry.begin = json.unsignedLong();
        if (!json.another(']')) {
            throw json.unexpectedType("two offsets");
        }
        entry.end = json.unsignedLong();
        if (json.another(']')) {
            throw json.unexpectedType("two offsets");
        }
        json.leave(']');
    }

    private void readMetadata() throws MalformedTensorFileException, IOException {
        int first = json.peekToken();
        if (first == 'n') {
            json.literal("null");
            return;
        }
        if (first != '{') {
            throw json.unexpectedType("an object of texts");
        }
        json.enter();
        boolean more = json.peekToken() != '}';
        while (more) {
            String key = json.key();
            json.colon();
            if (json.peekToken() != '"') {
                throw new MalformedTensorFileException(
                        WRONG_TYPE, json.position(), "a metadata value that is not a text", "a text");
            }
            String value = json.textUpTo(MetadataLimits.maxLength(key));
            if (value != null && MetadataLimits.keeps(key, metadata.size())) {
                metadata.put(key, value);
            }
            more = json.another('}');
        }
        json.leave('}');
    }

    static MalformedTensorFileException invalidJson(long at, String found, String expected) {
        return new MalformedTensorFileException(INVALID_JSON, at, found, expected);
    }
}
