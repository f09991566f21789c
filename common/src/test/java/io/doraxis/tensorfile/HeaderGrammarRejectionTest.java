package io.doraxis.tensorfile;

import static io.doraxis.fixtures.Headers.entry;
import static io.doraxis.fixtures.Headers.file;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.FakeFile;
import org.junit.jupiter.api.Test;

/** Headers that are not of the grammar, with the whole message for each reason. */
class HeaderGrammarRejectionTest {
    @Test
    void bytesThatAreNotUtf8() {
        rejects(file("{\"a\u00ff\":1}", 0), "INVALID_UTF8 at byte 11: found byte 0xff, expected UTF-8");
        rejects(file("{\"\u00c0\u0080\":1}", 0), "INVALID_UTF8 at byte 10: found byte 0xc0, expected UTF-8");
        rejects(file("{\"\u00ed\u00a0\u0080\":1}", 0), "INVALID_UTF8 at byte 10: found byte 0xed, expected UTF-8");
        rejects(
                file("{\"\u00f4\u0090\u0080\u0080\":1}", 0),
                "INVALID_UTF8 at byte 10: found byte 0xf4, expected UTF-8");
    }

    @Test
    void textThatIsNotJson() {
        rejects(
                file("", 0),
                "INVALID_JSON at byte 8: found the end of the header, expected the header's opening brace");
        rejects(
                file("{} x", 0),
                "INVALID_JSON at byte 11: found 'x', expected nothing but white space after the header's"
                        + " closing brace");
        rejects(file("{\"a\"", 0), "INVALID_JSON at byte 12: found the end of the header, expected ':'");
        rejects(
                file("{\"a", 0),
                "INVALID_JSON at byte 11: found the end of the header within a text, expected a closing quote");
        rejects(file("{,}", 0), "INVALID_JSON at byte 9: found ',', expected a text in quotes");
        rejects(
                file("{\"a\tb\":1}", 0),
                "INVALID_JSON at byte 11: found control character 0x09 in a text, expected it escaped");
        rejects(
                file("{\"\\x\":1}", 0),
                "INVALID_JSON at byte 10: found an unknown escape in a text, expected one of JSON's");
        rejects(
                file("{\"\\ud800\\u0041\":1}", 0),
                "INVALID_JSON at byte 10: found a lone surrogate in a text, expected a pair");
        rejects(
                file("{\"\\udc00\":1, \"b\":2}", 0),
                "INVALID_JSON at byte 10: found a lone surrogate in a text, expected a pair");
        rejects(
                file("{\"\\u00g0\":1}", 0),
                "INVALID_JSON at byte 14: found no hexadecimal digit, expected four of them");
        rejects(
                file(entry("\"U8\"", "[01]", "[0,1]"), 1),
                "INVALID_JSON at byte 36: found a number with a leading zero, expected none");
        rejects(
                file("{\"a\":{\"x\":1e999}}", 0),
                "INVALID_JSON at byte 18: found a number out of range, expected one that a double can hold");
        rejects(file("{\"a\":{\"x\":-}}", 0), "INVALID_JSON at byte 19: found '}', expected a value");
        rejects(
                file("{\"a\":{\"x\":[1,]}}", 0),
                "INVALID_JSON at byte 21: found ']', expected a value after the comma");
    }

    @Test
    void jsonOfAHundredTwentyEightLevels() {
        String deepest = "{\"a\":{\"x\":" + "[".repeat(125) + "]".repeat(125) + "}}";
        rejects(
                file(deepest, 0),
                "MISSING_FIELD at byte 9: found an entry without dtype, expected dtype, shape and data_offsets");
        String deeper = "{\"a\":{\"x\":" + "[".repeat(126) + "]".repeat(126) + "}}";
        rejects(file(deeper, 0), "NESTING_TOO_DEEP at byte 143: found level 128, expected at most 127 levels");
    }

    @Test
    void jsonOfAnotherFormThanTheFormats() {
        rejects(
                file("{\"a\":1}", 0),
                "WRONG_TYPE at byte 13: found '1', expected an object with dtype, shape and data_offsets");
        rejects(file(entry("17", "[1]", "[0,1]"), 1), "WRONG_TYPE at byte 22: found '1', expected the name of a dtype");
        rejects(
                file(entry("\"U8\"", "1", "[0,1]"), 1),
                "WRONG_TYPE at byte 35: found '1', expected a list of dimensions");
        rejects(
                file(entry("\"U8\"", "[-1]", "[0,1]"), 1),
                "WRONG_TYPE at byte 36: found '-', expected a non-negative integer");
        rejects(
                file(entry("\"U8\"", "[1.0]", "[0,1]"), 1),
                "WRONG_TYPE at byte 36: found a fraction, expected a non-negative integer");
        rejects(
                file(entry("\"U8\"", "[18446744073709551616]", "[0,1]"), 1),
                "WRONG_TYPE at byte 36: found a number over 2^64-1, expected at most 2^64-1");
        rejects(
                file(entry("\"U8\"", "[1]", "{}"), 1),
                "WRONG_TYPE at byte 54: found '{', expected a list of two offsets");
        rejects(file(entry("\"U8\"", "[1]", "[0]"), 1), "WRONG_TYPE at byte 56: found ']', expected two offsets");
        rejects(file(entry("\"U8\"", "[1]", "[0,1,2]"), 1), "WRONG_TYPE at byte 59: found '2', expected two offsets");
        rejects(file("[]", 0), "WRONG_TYPE at byte 8: found '[', expected the header's opening brace");
        rejects(file("{\"__metadata__\":[]}", 0), "WRONG_TYPE at byte 24: found '[', expected an object of texts");
        rejects(
                file("{\"__metadata__\":{\"k\":1}}", 0),
                "WRONG_TYPE at byte 29: found a metadata value that is not a text, expected a text");
    }

    @Test
    void aFieldThatOccursTwice() {
        rejects(
                file("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0),
                "DUPLICATE_FIELD at byte 27: found a second dtype, expected each field once");
        rejects(
                file("{\"__metadata__\":{},\"__metadata__\":{}}", 0),
                "DUPLICATE_FIELD at byte 27: found a second __metadata__, expected one at the most");
    }

    @Test
    void anEntryWithoutOneOfItsFields() {
        rejects(
                file("{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 0),
                "MISSING_FIELD at byte 9: found an entry without data_offsets, expected dtype, shape and data_offsets");
        rejects(
                file("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1),
                "MISSING_FIELD at byte 9: found an entry without shape, expected dtype, shape and data_offsets");
    }

    @Test
    void aDtypeThatThisVersionDoesNotKnow() {
        rejects(
                file(entry("\"F8_E4M3FN\"", "[1]", "[0,1]"), 1),
                "UNKNOWN_DTYPE at byte 22: found dtype 'F8_E4M3FN', expected one of safetensors 0.8.0's 22 dtypes");
    }

    private static void rejects(byte[] bytes, String message) {
        assertThatThrownBy(() -> SafetensorsReader.read(FakeFile.of(bytes), bytes, bytes.length))
                .isInstanceOf(MalformedTensorFileException.class)
                .hasMessage(message);
    }
}
