package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Headers;
import io.doraxis.fixtures.Json;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;

/** Another JSON parser reads the same tensors out of every header that the reader accepts. */
class JacksonDifferentialTest {
    private static final String[] NAMES = {
        "a", "b.weight", "\\u0061", "\u00e9\u20ac", "\\ud83d\\ude00", "", "x/y", "q\\\"\\\\"
    };
    private static final String[] DTYPES = {
        "\"F32\"", "\"U8\"", "\"\\u0046\\u0031\\u0036\"", "{\"F32\":null}", "\"I64\""
    };
    private static final String[] EXTRAS = {
        "1.5e-3", "[[],{}]", "\"\\n\"", "null", "-0", "{\"a\":{\"a\":[true,false]}}", "123456789012345678901234567890"
    };

    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    @Property(tries = 10_000, seed = "1301")
    void whatIsAcceptedIsJsonWithTheSameTensors(@ForAll long seed) throws Exception {
        Random random = new Random(seed);
        int[] data = new int[1];
        byte[] header = header(random, data).getBytes(StandardCharsets.UTF_8);
        if (random.nextInt(3) == 0 && header.length > 0) {
            header[random.nextInt(header.length)] = (byte) "{}[]\",:\\ 019-".charAt(random.nextInt(13));
        }
        byte[] bytes = Headers.file(header, data[0]);
        TensorIndex index;
        try {
            index = SafetensorsReader.read(FakeFile.of(bytes), bytes, 8 + random.nextInt(bytes.length - 7));
        } catch (MalformedTensorFileException e) {
            Statistics.collect("rejected");
            return;
        }
        Statistics.collect("accepted");
        Statistics.coverage(coverage -> coverage.check("accepted").percentage(share -> share > 30));
        Map<String, String> read = index.tensors().stream()
                .collect(Collectors.toMap(
                        TensorInfo::name,
                        t -> t.dtype() + " " + t.shape() + " " + (t.begin() - index.dataStart()) + " "
                                + (t.end() - index.dataStart())));
        assertThat(new TreeMap<>(read)).isEqualTo(tensors(Json.parse(header)));
    }

    private static Map<String, String> tensors(Json header) {
        Map<String, String> tensors = new TreeMap<>();
        for (String name : header.keys()) {
            if (!name.equals("__metadata__")) {
                Json entry = header.get(name);
                Json dtype =
                        entry.isObject() ? entry.get("dtype") : entry.items().get(0);
                Json shape =
                        entry.isObject() ? entry.get("shape") : entry.items().get(1);
                Json offsets = entry.isObject()
                        ? entry.get("data_offsets")
                        : entry.items().get(2);
                String dtypeName = dtype.isObject() ? dtype.keys().iterator().next() : dtype.text();
                tensors.put(
                        name,
                        dtypeName + " " + Shape.of(shape.dims()) + " " + offsets.dims()[0] + " " + offsets.dims()[1]);
            }
        }
        return tensors;
    }

    /** A header that is mostly right, in many spellings; {@code data[0]} becomes the size of its data. */
    private static String header(Random random, int[] data) {
        StringBuilder header = new StringBuilder(space(random)).append('{');
        if (random.nextInt(4) == 0) {
            header.append("\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}").append(random.nextBoolean() ? ", " : " ,");
        }
        int entries = 1 + random.nextInt(4);
        for (int i = 0; i < entries; i++) {
            String dtype = DTYPES[random.nextInt(DTYPES.length)];
            int width = dtype.contains("F32") ? 4 : dtype.contains("U8") ? 1 : dtype.contains("I64") ? 8 : 2;
            long[] dims = random.longs(random.nextInt(4), 0, 4).toArray();
            int size = (int) Shape.of(dims).elements() * width;
            String shape = Shape.of(dims).toString();
            String offsets = "[" + data[0] + "," + space(random) + (data[0] + size) + "]";
            data[0] += size;
            String name = NAMES[random.nextInt(NAMES.length)] + (random.nextInt(5) == 0 ? "" : i);
            header.append(i == 0 ? "" : ",")
                    .append(space(random))
                    .append('"')
                    .append(name)
                    .append("\":");
            header.append(entry(random, dtype, shape, offsets)).append(space(random));
        }
        return header.append('}').append(space(random)).toString();
    }

    private static String entry(Random random, String dtype, String shape, String offsets) {
        if (random.nextInt(8) == 0) {
            return "[" + dtype + "," + shape + "," + offsets + "]";
        }
        String extra = random.nextInt(3) == 0 ? "\"x\":" + EXTRAS[random.nextInt(EXTRAS.length)] + "," : "";
        return random.nextBoolean()
                ? "{" + extra + "\"dtype\":" + dtype + ",\"shape\":" + shape + ", \"data_offsets\":" + offsets + "}"
                : "{\"data_offsets\":" + offsets + "," + extra + "\"sh\\u0061pe\":" + shape + ",\"dtype\":" + dtype
                        + "}";
    }

    private static String space(Random random) {
        return random.nextInt(6) == 0 ? " \n\t\r".substring(0, 1 + random.nextInt(4)) : "";
    }
}
