package io.doraxis.audit;

import io.doraxis.adapter.CardClaims;
import io.doraxis.tensorfile.Printable;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What is claimed about a checkpoint's licence: by the file itself, by what a model manager wrote beside it, and by the
 * card of its repository, which speaks last.
 *
 * @param license null where nothing claims one
 * @param conflict what the card says against the others; null where it says the same, or one of them nothing
 */
public record LicenseClaims(String license, String conflict) {
    private static final String OTHER = "other";

    /** No licence has a longer name. */
    private static final int MAX_LENGTH = 200;

    /**
     * Compares the claims.
     *
     * @param metadata the file's own
     * @param beside those of its side file and card, by the names that they have among an adapter's claims
     */
    static LicenseClaims of(Map<String, String> metadata, Map<String, String> beside) {
        Optional<String> file = first(
                metadata.get("modelspec.license"),
                beside.get("side_file.license"),
                beside.get("side_file.model.license"));
        Optional<String> card = card(beside);
        boolean differ = file.isPresent() && card.isPresent() && !same(file.get(), card.get());
        return new LicenseClaims(
                file.or(() -> card).orElse(null),
                differ ? "license: the file says '%s', the card '%s'".formatted(file.get(), card.get()) : null);
    }

    /** The name of one that the hub has no word for. */
    private static Optional<String> card(Map<String, String> claims) {
        Optional<String> license = first(claims.get(CardClaims.LICENSE));
        Optional<String> name = first(claims.get(CardClaims.LICENSE_NAME));
        return license.filter(word -> word.equals(OTHER)).isPresent() ? name.or(() -> license) : license;
    }

    private static Optional<String> first(String... claims) {
        return Stream.of(claims)
                .filter(claim -> claim != null && !claim.isBlank())
                .map(claim -> Printable.of(claim.strip(), MAX_LENGTH))
                .findFirst();
    }

    /** {@code apache-2.0} and {@code Apache License 2.0} are the same. */
    private static boolean same(String one, String other) {
        return plain(one).equals(plain(other));
    }

    private static String plain(String license) {
        return license.toLowerCase(Locale.ROOT).replaceAll("licen[sc]e|[^\\p{L}\\p{N}+]", "");
    }
}
