package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileUtil;

/**
 * An audit of two runs, between which one adapter became another, one was broken, one came and one went; one file is called like
 * a script and has a licence like a formula.
 */
final class ReportedHub {
    static final int CHECKPOINTS = 41;
    static final String HOSTILE = "script><img src=x onerror=document.title='pwned'> it's.safetensors";
    static final String FORMULA = "=HYPERLINK(\"http://example.invalid\")";

    private static Path audit;

    private ReportedHub() {}

    /** The audit's output, made once for all tests. */
    static synchronized Path audit() throws IOException {
        if (audit == null) {
            Path root = Path.of("target", "reported-hub").toAbsolutePath();
            FileUtil.fullyDelete(root.toFile());
            Path hub = root.resolve("hub");
            DemoHub.write(hub, CHECKPOINTS - 1);
            run(hub, root.resolve("audit"), root.resolve("first.html"));
            change(hub);
            run(hub, root.resolve("audit"), root.resolve("report.html"));
            audit = root.resolve("audit");
        }
        return audit;
    }

    /** The page that the second run wrote at once. */
    static Path page() throws IOException {
        return audit().resolveSibling("report.html");
    }

    private static void run(Path hub, Path output, Path report) {
        Called called = Called.doraxis(
                "audit",
                "--input",
                hub.toString(),
                "--output",
                output.toString(),
                "--no-modules",
                "--report",
                report.toString(),
                "--master",
                "local[2]");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).endsWith("report in " + report + System.lineSeparator());
    }

    private static void change(Path hub) throws IOException {
        Files.copy(
                hub.resolve("org01/lycoris-output-000001/style.safetensors"),
                hub.resolve("org00/plain-000007/lora.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        Files.write(hub.resolve("org04/peft-dora-000004/adapter_model.safetensors"), new byte[0]);
        FileUtil.fullyDelete(hub.resolve("org01/model-000008").toFile());
        hostile(Files.createDirectories(hub.resolve("<")));
        Path renamed = Files.createDirectories(hub.resolve("new"));
        Files.copy(hub.resolve("org02/lycoris-output-000002/style.safetensors"), renamed.resolve("a.safetensors"));
    }

    private static void hostile(Path folder) throws IOException {
        List<Tensor> tensors = new ArrayList<>(List.of(MergeFolder.lora("lycoris_x", 1, 1, 2, 3)));
        tensors.add(Tensor.ofFloats("lycoris_x.dora_scale", Shape.of(2, 1), 1, 1));
        try (OutputStream out = Files.newOutputStream(folder.resolve(HOSTILE))) {
            SafetensorsWriter.write(out, tensors, Map.of("modelspec.license", FORMULA));
        }
    }
}
