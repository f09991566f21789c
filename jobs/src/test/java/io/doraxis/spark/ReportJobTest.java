package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.report.RowChunk;
import java.util.Iterator;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

class ReportJobTest {
    private static List<String> listed(long most) {
        List<RowChunk> all = List.of(new RowChunk(2, "a"), new RowChunk(2, "b"), new RowChunk(2, "c"));
        Iterator<RowChunk> some = ReportJob.upTo(most, all.iterator());
        Iterable<RowChunk> each = () -> some;
        return StreamSupport.stream(each.spliterator(), false)
                .map(RowChunk::element)
                .toList();
    }

    @Test
    void rowsEndWithThePieceThatHasTheLastOfThem() {
        assertThat(listed(1)).containsExactly("a");
        assertThat(listed(2)).containsExactly("a");
        assertThat(listed(3)).containsExactly("a", "b");
        assertThat(listed(100)).containsExactly("a", "b", "c");
    }
}
