package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
}
