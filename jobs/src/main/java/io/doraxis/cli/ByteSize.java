package io.doraxis.cli;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Numbers of bytes as people write them: 5GB, 512MiB, 1000000. */
final class ByteSize implements ITypeConverter<Long> {
    private static final Pattern FORM = Pattern.compile("([0-9]{1,12}) ?([KMGT]I?)?B?");
    private static final Map<String, Long> UNITS = Map.of(
            "K",
            1_000L,
            "M",
            1_000_000L,
            "G",
            1_000_000_000L,
            "T",
            1_000_000_000_000L,
            "KI",
            1L << 10,
            "MI",
            1L << 20,
            "GI",
            1L << 30,
            "TI",
            1L << 40);

    @Override
    public Long convert(String text) {
        Matcher form = FORM.matcher(text.trim().toUpperCase(Locale.ROOT));
        if (!form.matches()) {
            throw new TypeConversionException("'" + text + "' is no size such as 5GB or 512MiB");
        }
        long unit = form.group(2) == null ? 1 : UNITS.get(form.group(2));
        long bytes;
        try {
            bytes = Math.multiplyExact(Long.parseLong(form.group(1)), unit);
        } catch (ArithmeticException e) {
            throw new TypeConversionException("'" + text + "' is too large");
        }
        if (bytes == 0) {
            throw new TypeConversionException("a size of 0 holds nothing");
        }
        return bytes;
    }
}
