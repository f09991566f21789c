package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.HeaderParser.invalidJson;
import static io.doraxis.tensorfile.Reason.INVALID_UTF8;
import static io.doraxis.tensorfile.Reason.NESTING_TOO_DEEP;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;
import static io.doraxis.tensorfile.Reason.WRONG_TYPE;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * A forward cursor over JSON bytes that accepts what serde_json 1 accepts, to the byte: strict UTF-8, paired surrogates,
 * no control characters in texts, less than 128 levels, numbers that a double can hold.
 *
 * <p>Why not a library: the reference's verdict depends on those details, and no JSON parser for Java shares them; nor
 * does one tell the byte offset within a window that slides. {@code docs/decisions} has the figures.
 */
final class JsonCursor {
    private static final int END = -1;
    private static final int MAX_DEPTH = 127;

    /** Longest key, and longest number, in bytes: what an audit keeps of a file is bounded. */
    private static final int MAX_KEY = 1 << 20;

    private final HeaderWindow window;
    private byte[] bytes;
    private int pos;
    private int limit;
    private int depth;

    // The text scanned last: bytes [textStart, textEnd) between the quotes.
    private int textStart;
    private int textEnd;
    private boolean textEscaped;
    private boolean textAscii;

    JsonCursor(HeaderWindow window) {
        this.window = window;
        this.bytes = window.bytes;
        this.pos = window.start();
        this.limit = window.limit;
    }

    /** Position in the file. */
    long position() {
        return window.absolute(pos);
    }

    /** The byte here, without a step; -1 at the end. */
    int peek() throws IOException {
        if (pos == limit && !fill(pos)) {
            return END;
        }
        return bytes[pos];
    }

    /** The next byte that is not white space, without a step over it; -1 at the end. */
    int peekToken() throws IOException {
        while (true) {
            if (pos == limit && !fill(pos)) {
                return END;
            }
            int b = bytes[pos];
            if (b != ' ' && b != '\n' && b != '\t' && b != '\r') {
                return b;
            }
            pos++;
        }
    }

    /** Whether there was any. */
    boolean skipWhitespace() throws IOException {
        long before = position();
        peekToken();
        return position() != before;
    }

    /** Steps into the object or list that opens here. */
    void enter() throws MalformedTensorFileException {
        if (++depth > MAX_DEPTH) {
            throw new MalformedTensorFileException(
                    NESTING_TOO_DEEP, position(), "level " + depth, "at most " + MAX_DEPTH + " levels");
        }
        pos++;
    }

    /** Steps out of the object or list that closes here. */
    void leave(char close) throws MalformedTensorFileException, IOException {
        if (peekToken() != close) {
            throw unexpected("'" + close + "'");
        }
        pos++;
        depth--;
    }

    /** After a value: whether another one follows (steps over the comma), or the object or list closes. */
    boolean another(char close) throws MalformedTensorFileException, IOException {
        int b = peekToken();
        if (b == ',') {
            pos++;
            if (peekToken() == close) {
                throw unexpected("a value after the comma");
            }
            return true;
        }
        if (b != close) {
            throw unexpected("',' or '" + close + "'");
        }
        return false;
    }

    void colon() throws MalformedTensorFileException, IOException {
        if (peekToken() != ':') {
            throw unexpected("':'");
        }
        pos++;
    }

    void expectEnd() throws MalformedTensorFileException, IOException {
        if (peekToken() != END) {
            throw unexpected("nothing but white space after the header's closing brace");
        }
    }

    /** Reads a key or text and returns it. */
    String key() throws MalformedTensorFileException, IOException {
        scanKey();
        return text();
    }

    /** Reads a key or text, to be compared or taken by {@link #textEquals} and {@link #text} before the next step. */
    void scanKey() throws MalformedTensorFileException, IOException {
        if (peekToken() != '"') {
            throw unexpected("a text in quotes");
        }
        long at = position();
        if (!scanText(MAX_KEY)) {
            throw overLimit(at, "a name of more than " + MAX_KEY + " bytes");
        }
    }

    /** Reads a text and returns it, or null when it is longer than that many bytes; a long one costs no memory. */
    String textUpTo(int maxBytes) throws MalformedTensorFileException, IOException {
        return scanText(maxBytes) ? text() : null;
    }

    boolean textEquals(String ascii) {
        if (textEscaped) {
            return text().equals(ascii);
        }
        int length = ascii.length();
        if (textEnd - textStart != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (bytes[textStart + i] != ascii.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /** Whether the text scanned last is of ASCII and was written without escapes. */
    boolean textIsPlain() {
        return textAscii && !textEscaped;
    }

    String text() {
        if (textEscaped) {
            return JsonText.unescape(bytes, textStart, textEnd);
        }
        return new String(
                bytes,
                textStart,
                textEnd - textStart,
                textAscii ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
    }

    /** A hash of the text as {@link NameTable} wants it. */
    long textHash() {
        if (textEscaped) {
            byte[] unescaped = text().getBytes(StandardCharsets.UTF_8);
            return NameTable.hash(unescaped, 0, unescaped.length);
        }
        return NameTable.hash(bytes, textStart, textEnd);
    }

    /** An integer from 0 to 2^64-1, as its 64 bits. */
    long unsignedLong() throws MalformedTensorFileException, IOException {
        int b = peekToken();
        if (b < '0' || b > '9') {
            throw unexpectedType("a non-negative integer");
        }
        long at = position();
        long value = 0;
        int digits = 0;
        while (b >= '0' && b <= '9') {
            int digit = b - '0';
            if (digits >= 19 && exceedsUnsigned(value, digit, digits)) {
                throw new MalformedTensorFileException(WRONG_TYPE, at, "a number over 2^64-1", "at most 2^64-1");
            }
            value = value * 10 + digit;
            digits++;
            pos++;
            if (digits == 1 && digit == 0) {
                b = peek();
                if (b >= '0' && b <= '9') {
                    throw invalidJson(at, "a number with a leading zero", "none");
                }
                break;
            }
            b = peek();
        }
        if (b == '.' || b == 'e' || b == 'E') {
            throw new MalformedTensorFileException(WRONG_TYPE, at, "a fraction", "a non-negative integer");
        }
        return value;
    }

    private static boolean exceedsUnsigned(long value, int digit, int digits) {
        if (digits > 19) {
            return true;
        }
        int byTenth = Long.compareUnsigned(value, 1844674407370955161L);
        return byTenth > 0 || (byTenth == 0 && digit > 5);
    }

    void literal(String word) throws MalformedTensorFileException, IOException {
        for (int i = 0; i < word.length(); i++) {
            if (peek() != word.charAt(i)) {
                throw unexpected("'" + word + "'");
            }
            pos++;
        }
    }

    /** What the reference takes for the content of a unit variant. */
    void nullOrEmptyObject() throws MalformedTensorFileException, IOException {
        if (peekToken() == '{') {
            enter();
            leave('}');
        } else {
            literal("null");
        }
    }

    /** Reads a tensor's entry if it has the form that every writer gives it; otherwise nothing happens. */
    boolean readUsualEntry(TensorEntry entry) throws IOException {
        peekToken();
        int after = entry.readUsual(bytes, pos, limit);
        if (after < 0) {
            return false;
        }
        pos = after;
        return true;
    }

    /** Checks and drops a value of any kind. */
    void skipValue() throws MalformedTensorFileException, IOException {
        int b = peekToken();
        switch (b) {
            case '"' -> scanText(0);
            case '{' -> skipObject();
            case '[' -> skipList();
            case 't' -> literal("true");
            case 'f' -> literal("false");
            case 'n' -> literal("null");
            default -> skipNumber();
        }
    }

    private void skipObject() throws MalformedTensorFileException, IOException {
        enter();
        boolean more = peekToken() != '}';
        while (more) {
            if (peekToken() != '"') {
                throw unexpected("a text in quotes");
            }
            scanText(0);
            colon();
            skipValue();
            more = another('}');
        }
        leave('}');
    }

    private void skipList() throws MalformedTensorFileException, IOException {
        enter();
        boolean more = peekToken() != ']';
        while (more) {
            skipValue();
            more = another(']');
        }
        leave(']');
    }

    private void skipNumber() throws MalformedTensorFileException, IOException {
        long at = position();
        StringBuilder number = new StringBuilder();
        takeIf(number, '-');
        int first = peek();
        int digits = takeDigits(number);
        if (digits == 0) {
            throw unexpected("a value");
        }
        if (first == '0' && digits > 1) {
            throw invalidJson(at, "a number with a leading zero", "none");
        }
        if (takeIf(number, '.') && takeDigits(number) == 0) {
            throw unexpected("a digit after the point");
        }
        if (takeIf(number, 'e') || takeIf(number, 'E')) {
            if (!takeIf(number, '+')) {
                takeIf(number, '-');
            }
            if (takeDigits(number) == 0) {
                throw unexpected("a digit of the exponent");
            }
        }
        if (Double.isInfinite(Double.parseDouble(number.toString()))) {
            throw invalidJson(at, "a number out of range", "one that a double can hold");
        }
    }

    static MalformedTensorFileException overLimit(long at, String found) {
        return new MalformedTensorFileException(OVER_LIMIT, at, found, "what a program would write");
    }

    private boolean takeIf(StringBuilder number, char wanted) throws IOException {
        if (peek() != wanted) {
            return false;
        }
        number.append(wanted);
        pos++;
        return true;
    }

    private int takeDigits(StringBuilder number) throws MalformedTensorFileException, IOException {
        int count = 0;
        for (int b = peek(); b >= '0' && b <= '9'; b = peek()) {
            if (number.length() == MAX_KEY) {
                throw overLimit(position(), "a number of more than " + MAX_KEY + " digits");
            }
            number.append((char) b);
            pos++;
            count++;
        }
        return count;
    }

    /**
     * Scans the text that opens here. One longer than {@code keep} bytes is checked all the same, but not kept.
     *
     * @return whether it was kept
     */
    private boolean scanText(int keep) throws MalformedTensorFileException, IOException {
        int start = ++pos;
        boolean kept = true;
        boolean escaped = false;
        boolean ascii = true;
        while (true) {
            byte[] in = bytes;
            int end = limit;
            int p = JsonText.skipPlain(in, pos, end);
            byte b = p < end ? in[p] : 0;
            pos = p;
            if (kept && p - start > keep) {
                kept = false;
            }
            if (p == end) {
                int shift = more(kept ? start : p);
                start = kept ? start - shift : 0;
            } else if (b == '"') {
                break;
            } else if (b == '\\') {
                escaped = true;
                if (p + 1 < end && in[p + 1] == '"') { // JSON within JSON, as trainers store it
                    pos += 2;
                } else {
                    start -= skipEscape(kept ? start : p);
                }
            } else if (b < 0) {
                ascii = false;
                start -= skipUtf8(kept ? start : p);
            } else {
                throw invalidJson(position(), "control character 0x%02x in a text".formatted(b), "it escaped");
            }
        }
        textStart = start;
        textEnd = pos;
        textEscaped = escaped;
        textAscii = ascii;
        pos++;
        return kept;
    }

    private int skipEscape(int keepFrom) throws MalformedTensorFileException, IOException {
        int shift = need(2, keepFrom);
        switch (bytes[pos + 1]) {
            case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> pos += 2;
            case 'u' -> shift += skipUnicodeEscape(keepFrom - shift);
            default -> throw invalidJson(position(), "an unknown escape in a text", "one of JSON's");
        }
        return shift;
    }

    private int skipUnicodeEscape(int keepFrom) throws MalformedTensorFileException, IOException {
        int shift = need(6, keepFrom);
        int unit = hex4(pos + 2);
        if (Character.isLowSurrogate((char) unit)) {
            throw invalidJson(position(), "a lone surrogate in a text", "a pair");
        }
        if (Character.isHighSurrogate((char) unit)) {
            shift += need(12, keepFrom - shift);
            if (bytes[pos + 6] != '\\' || bytes[pos + 7] != 'u' || !Character.isLowSurrogate((char) hex4(pos + 8))) {
                throw invalidJson(position(), "a lone surrogate in a text", "a pair");
            }
            pos += 6;
        }
        pos += 6;
        return shift;
    }

    private int hex4(int at) throws MalformedTensorFileException {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            int digit = Character.digit(bytes[at + i], 16);
            if (digit < 0) {
                throw invalidJson(window.absolute(at + i), "no hexadecimal digit", "four of them");
            }
            value = value << 4 | digit;
        }
        return value;
    }

    private int skipUtf8(int keepFrom) throws MalformedTensorFileException, IOException {
        int length = JsonText.utf8Length(bytes[pos]);
        int shift = length == 0 ? 0 : need(length, keepFrom);
        if (length == 0 || !JsonText.isUtf8(bytes, pos, length)) {
            throw new MalformedTensorFileException(
                    INVALID_UTF8, position(), "byte 0x%02x".formatted(bytes[pos] & 0xff), "UTF-8");
        }
        pos += length;
        return shift;
    }

    /** Makes sure that many bytes stand from here on; returns how far the kept bytes moved. */
    private int need(int count, int keepFrom) throws MalformedTensorFileException, IOException {
        int shift = 0;
        while (limit - pos < count) {
            shift += more(keepFrom - shift);
        }
        return shift;
    }

    private int more(int keepFrom) throws MalformedTensorFileException, IOException {
        int before = pos;
        if (!fill(keepFrom)) {
            throw invalidJson(window.absolute(limit), "the end of the header within a text", "a closing quote");
        }
        return before - pos;
    }

    private boolean fill(int keepFrom) throws IOException {
        int shift = window.fill(keepFrom);
        if (shift < 0) {
            return false;
        }
        bytes = window.bytes;
        limit = window.limit;
        pos -= shift;
        return true;
    }

    /** Something that is not JSON stands here. */
    MalformedTensorFileException unexpected(String expected) throws IOException {
        return invalidJson(position(), here(), expected);
    }

    /** JSON of another kind than the format's stands here, or no JSON at all. */
    MalformedTensorFileException unexpectedType(String expected) throws IOException {
        int b = peek();
        boolean value = b == '"'
                || b == '{'
                || b == '['
                || b == 't'
                || b == 'f'
                || b == 'n'
                || b == '-'
                || b == ']'
                || b == ','
                || (b >= '0' && b <= '9');
        return value
                ? new MalformedTensorFileException(WRONG_TYPE, position(), here(), expected)
                : unexpected(expected);
    }

    private String here() throws IOException {
        int b = peek();
        if (b == END) {
            return "the end of the header";
        }
        return b > ' ' && b < 0x7f ? "'" + (char) b + "'" : "byte 0x%02x".formatted(b & 0xff);
    }
}
