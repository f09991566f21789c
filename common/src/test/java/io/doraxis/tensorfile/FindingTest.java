package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Finding.Code.NO_TENSORS;
import static io.doraxis.tensorfile.Finding.Code.SHARDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FindingTest {
    @Test
    void ofMoreFindingsThanAnybodyReadsTheirNumberIsLeft() {
        List<Finding> findings = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            findings.add(new Finding(NO_TENSORS, "shard " + i));
        }
        findings.add(new Finding(SHARDS, "one"));
        List<Finding> capped = Finding.capped(findings);
        assertThat(capped).hasSize(22).startsWith(new Finding(NO_TENSORS, "shard 0"));
        assertThat(capped)
                .endsWith(
                        new Finding(NO_TENSORS, "shard 19"),
                        new Finding(SHARDS, "one"),
                        new Finding(NO_TENSORS, "and 980 more"));
    }

    @Test
    void fewFindingsStayAsTheyAre() {
        List<Finding> findings = List.of(new Finding(SHARDS, "a"), new Finding(NO_TENSORS, "b"));
        assertThat(Finding.capped(findings)).isEqualTo(findings);
    }
}
