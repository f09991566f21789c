package io.doraxis.tensorfile;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Tables that come with the program as text: a line each, comments after a #. */
public final class ResourceLines {
    private ResourceLines() {}

    /** The lines of a file beside a class, without comments and empty ones. */
    public static List<String> of(Class<?> owner, String name) {
        try (InputStream resource = owner.getResourceAsStream(name);
                BufferedReader lines = new BufferedReader(new InputStreamReader(resource, StandardCharsets.UTF_8))) {
            return lines.lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
