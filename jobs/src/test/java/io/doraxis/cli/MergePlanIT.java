package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Plans as people and programs write them. */
class MergePlanIT {
    @TempDir
    private Path path;

    private MergeFolder folder;

    @BeforeEach
    void makeFiles() throws IOException {
        folder = new MergeFolder(path);
        folder.write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(4, 4), new float[16]));
        folder.write("adapter.safetensors", MergeFolder.lora("lycoris_b_lin", 1, 2, 4, 4));
    }

    private Called merge(String name, String plan) throws IOException {
        folder.writeText(name, plan);
        return Called.doraxis(
                "merge", "--plan", folder.at(name), "--output", folder.at("tables"), "--master", "local[1]");
    }

    private String row(String adapter, String output) {
        return "%s,%s,%s%n".formatted(adapter, folder.at("base.safetensors"), output);
    }

    @Test
    void namesWithCommasAndQuotesAreQuotedAsInOtherCsv() throws IOException {
        folder.write("a \"b\", c.safetensors", MergeFolder.lora("lycoris_b_lin", 1, 2, 4, 4));
        String quoted = "\"" + folder.at("a \"b\", c.safetensors").replace("\"", "\"\"") + "\"";
        Called called = merge("plan.CSV", "adapter,base,output\n" + row(quoted, folder.at("out.safetensors")));
        assertThat(called.status()).as(called.out() + called.err()).isZero();
        assertThat(folder.files()).contains("out.safetensors");
    }

    @Test
    void oneOutputUnderTwoSpellingsIsListedTwice() throws IOException {
        String adapter = folder.at("adapter.safetensors");
        Called called = merge(
                "plan.csv",
                "adapter,base,output\n"
                        + row(adapter, folder.at("out.safetensors"))
                        + row(adapter, "file:" + folder.at("./x/../out.safetensors") + " "));
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("lists the output file:" + folder.at("out.safetensors") + " twice");
        assertThat(folder.files()).doesNotContain("out.safetensors");
    }

    @Test
    void aPlanThatIsNeitherCsvNorParquetIsNamedInOneLine() throws IOException {
        Called called = merge("plan.tsv", "adapter\tbase\toutput\n");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("plan.tsv is no Parquet, and a CSV's name ends in .csv");
    }

    @Test
    void whatWasRefusedIsNamedWithItsReason() throws IOException {
        Called called =
                merge("plan.csv", "adapter,base,output\n" + row(folder.at("base.safetensors"), "x.safetensors"));
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.out())
                .contains("1 merges: 1 REFUSED")
                .contains("REFUSED NOT_AN_ADAPTER: " + folder.at("base.safetensors") + ": ");
    }

    @Test
    void anOutputNowhereIsARowAndTheOthersAreMerged() throws IOException {
        String adapter = folder.at("adapter.safetensors");
        Called called = merge(
                "plan.csv",
                "adapter,base,output\n"
                        + row(adapter, "hdfs://nohost.invalid/a.safetensors")
                        + row("abfs://x/y", folder.at("other.safetensors"))
                        + row(adapter, folder.at("out.safetensors")));
        assertThat(called.status()).as(called.err()).isEqualTo(1);
        assertThat(called.out())
                .contains("3 merges: 1 DONE, 2 FAILED")
                .contains("no file system for hdfs://nohost.invalid/a.safetensors: ");
        assertThat(folder.files()).contains("out.safetensors");
    }

    @Test
    void whatOneRowWritesNoOtherReads() throws IOException {
        String adapter = folder.at("adapter.safetensors");
        Called called = merge(
                "plan.csv",
                "adapter,base,output\n"
                        + row(adapter, folder.at("new.safetensors"))
                        + "%s,%s,%s%n".formatted(adapter, folder.at("new.safetensors"), folder.at("out.safetensors")));
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("new.safetensors, which another row reads");
        assertThat(folder.files()).doesNotContain("new.safetensors", "out.safetensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1d", "0x1p3", "NaN", "1;2;3", "-"})
    void aStrengthIsADecimalNumberOneForAllOrOneForEach(String strength) throws IOException {
        String row = row(folder.at("adapter.safetensors"), folder.at("out.safetensors"))
                .strip();
        Called called = merge("plan.csv", "adapter,base,output,strength\n" + row + "," + strength + "\n");
        assertThat(called.status()).as(called.out()).isEqualTo(4);
        assertThat(called.out()).contains("INCOMPLETE_ROW");
    }

    @Test
    void whatIsReadIsNotReplacedThroughALink() throws IOException {
        Files.createSymbolicLink(path.resolve("here"), path);
        Files.createSymbolicLink(path.resolve("link.safetensors"), path.resolve("base.safetensors"));
        byte[] before = folder.bytes("base.safetensors");
        for (String output : List.of("here/base.safetensors", "here/adapter.safetensors", "here")) {
            Called called = folder.merge("adapter.safetensors", "base.safetensors", output);
            assertThat(called.status()).as(output).isEqualTo(4);
            assertThat(called.err()).contains("is read for this merge");
        }
        assertThat(folder.merge("adapter.safetensors", "link.safetensors", "base.safetensors")
                        .status())
                .isEqualTo(4);
        assertThat(folder.bytes("base.safetensors")).isEqualTo(before);
    }
}
