package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LicenseClaimsTest {
    private static LicenseClaims of(String file, Map<String, String> beside) {
        return LicenseClaims.of(file == null ? Map.of() : Map.of("modelspec.license", file), beside);
    }

    @Test
    void theFileSpeaksBeforeWhatLiesBesideItAndThatBeforeTheCard() {
        Map<String, String> both = Map.of("side_file.license", "MIT", "card.license", "mit");
        assertThat(of("mit license", both)).isEqualTo(new LicenseClaims("mit license", null));
        assertThat(of(null, both)).isEqualTo(new LicenseClaims("MIT", null));
        assertThat(of(null, Map.of("card.license", "mit"))).isEqualTo(new LicenseClaims("mit", null));
        assertThat(of(" ", Map.of())).isEqualTo(new LicenseClaims(null, null));
    }

    @Test
    void aCardThatSaysSomethingElseIsAConflictAndDecidesNothing() {
        assertThat(of("CC BY-NC 4.0", Map.of("card.license", "apache-2.0")))
                .isEqualTo(new LicenseClaims(
                        "CC BY-NC 4.0", "license: the file says 'CC BY-NC 4.0', the card 'apache-2.0'"));
    }

    @Test
    void anotherLicenseIsCalledByItsName() {
        Map<String, String> named = Map.of("card.license", "other", "card.license_name", "flux-1-dev");
        assertThat(of(null, named).license()).isEqualTo("flux-1-dev");
        assertThat(of("other", named).conflict()).isEqualTo("license: the file says 'other', the card 'flux-1-dev'");
        assertThat(of(null, Map.of("card.license", "other")).license()).isEqualTo("other");
        assertThat(of(null, Map.of("card.license", "mit", "card.license_name", "x"))
                        .license())
                .isEqualTo("mit");
    }

    @ParameterizedTest
    @CsvSource({
        "Apache License 2.0, apache-2.0",
        "apache_2.0, Apache-2.0",
        "CreativeML Open RAIL-M, creativeml-openrail-m",
        "OpenRAIL++, openrail++",
    })
    void anotherSpellingIsNoConflict(String file, String card) {
        assertThat(of(file, Map.of("card.license", card)).conflict()).isNull();
    }

    @ParameterizedTest
    @CsvSource({"openrail, openrail++", "cc-by-4.0, cc-by-nc-4.0", "gpl-2.0, gpl-3.0"})
    void anotherLicenseIs(String file, String card) {
        assertThat(of(file, Map.of("card.license", card)).conflict()).isNotNull();
    }
}
