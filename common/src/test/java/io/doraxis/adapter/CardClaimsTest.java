package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CardClaimsTest {
    private static Map<String, String> parse(String card) throws IOException {
        byte[] bytes = card.getBytes(StandardCharsets.UTF_8);
        return CardClaims.parse(bytes, bytes.length, bytes.length);
    }

    private static String card(String frontMatter) {
        return "---\nlanguage: en\n" + frontMatter.replace("\\n", "\n")
                + "\ntags:\n- lora\n---\n# Title\nlicense: no\n";
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "license: apache-2.0 | apache-2.0",
                "license:   mit    | mit",
                "license: \"mit\" | mit",
                "license: 'cc-by-4.0' # of the weights | cc-by-4.0",
                "license: openrail++ # as the base's | openrail++",
                "license: [mit, apache-2.0] | mit, apache-2.0",
                "license: ['mit'] | mit",
                "license:\\n- mit | mit",
                "license:\\n  - mit\\n  - \"apache-2.0\" | mit, apache-2.0",
                "license:\\n# one of these\\n- mit\\n\\n- bsd | mit, bsd",
                "license: C#-like | C#-like",
                "license: Ünïcode 1.0 | Ünïcode 1.0",
            })
    void aLicenseIsReadInEachOfItsForms(String frontMatter, String license) throws IOException {
        assertThat(parse(card(frontMatter))).containsExactly(Map.entry("card.license", license));
        assertThat(parse(card(frontMatter).replace("\n", "\r\n"))).containsExactly(Map.entry("card.license", license));
    }

    @Test
    void theNameOfAnotherLicenseIsKept() throws IOException {
        assertThat(parse(card("license: other\\nlicense_name: flux-1-dev\\nlicense_link: LICENSE.md")))
                .containsExactly(Map.entry("card.license", "other"), Map.entry("card.license_name", "flux-1-dev"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "license:",
                "license: ~",
                "license: null",
                "license: # none yet",
                "licenses: mit",
                "  license: mit",
                "license:mit",
                "model:\\n  license: mit",
                "#license: mit",
            })
    void whatClaimsNoneClaimsNothing(String frontMatter) throws IOException {
        assertThat(parse(card(frontMatter))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "# Title\nlicense: mit",
                "license: mit",
                "\n---\nlicense: mit\n---\n",
                "--- \n---\nlicense: mit\n---\n",
                "----\nlicense: mit\n---\n",
                "---\nlicense: mit\n",
                "---",
                "<!DOCTYPE html>",
            })
    void aTextWithoutFrontMatterClaimsNothing(String card) throws IOException {
        assertThat(parse(card)).isEmpty();
    }

    @Test
    void aMarkOfTheEncodingMayComeFirst() throws IOException {
        assertThat(parse("\ufeff---\nlicense: mit\n---\n")).containsExactly(Map.entry("card.license", "mit"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "license: |\\n  mit",
                "license: >-\\n  mit",
                "license: &a mit",
                "license: *a",
                "license: !!str mit",
                "license: {name: mit}",
                "license:\\n  name: mit",
                "license: [mit,\\n  bsd]",
                "license: 'mit",
                "license: \"mi\\\\u0074\"",
                "license: 'mit' 'bsd'",
                "license: name: mit",
                "license: mit\\nlicense: bsd",
            })
    void whatIsNotUnderstoodIsSaid(String frontMatter) {
        assertThatIOException().isThrownBy(() -> parse(card(frontMatter))).withMessageStartingWith("license ");
    }

    @Test
    void longValuesAndListsAreRefused() {
        assertThatIOException()
                .isThrownBy(() -> parse(card("license: " + "x".repeat(201))))
                .withMessage("license of 201 characters");
        assertThatIOException()
                .isThrownBy(() -> parse(card("license:" + "\\n- mit".repeat(21))))
                .withMessage("license of more than 20 items");
        assertThatIOException()
                .isThrownBy(() -> parse(card("license: [" + "mit,".repeat(21) + "]")))
                .withMessage("license of more than 20 items");
    }

    @Test
    void aCardThatWasCutCountsUpToItsLastWholeLine() throws IOException {
        byte[] bytes = "---\nlicense: mit\nlicense_name: a-long-na".getBytes(StandardCharsets.UTF_8);
        assertThat(CardClaims.parse(bytes, bytes.length, bytes.length + 1))
                .containsExactly(Map.entry("card.license", "mit"));
        assertThat(CardClaims.parse(bytes, bytes.length, bytes.length)).isEmpty();
    }

    @Property(tries = 2000, seed = "4201")
    void anyTextIsClaimsOrRefused(@ForAll String text, @ForAll byte[] bytes) {
        for (String card : new String[] {text, card("license: " + text), new String(bytes, StandardCharsets.UTF_8)}) {
            try {
                assertThat(parse(card).size()).isLessThanOrEqualTo(2);
            } catch (IOException e) {
                assertThat(e.getMessage()).startsWith("license");
            }
        }
    }
}
