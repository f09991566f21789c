package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.store.TensorRanges.Range;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TensorRangesTest {
    private static final long GIB = 1L << 30;

    private static TensorInfo tensor(long begin, long end) {
        return new TensorInfo("t" + begin + "-" + end, Dtype.U8, Shape.of(end - begin), begin, end);
    }

    /** As begin-end:number of tensors. */
    private static List<String> ranges(long gap, long most, TensorInfo... tensors) {
        return TensorRanges.of(List.of(tensors), gap, most).stream()
                .map(range -> range.begin() + "-" + range.end() + ":"
                        + range.tensors().size())
                .toList();
    }

    @Test
    void whatIsApartStaysApartAndInOrder() {
        assertThat(ranges(4, 100, tensor(20, 30), tensor(0, 10))).containsExactly("0-10:1", "20-30:1");
    }

    @Test
    void whatIsCloseIsReadTogether() {
        assertThat(ranges(4, 100, tensor(0, 10), tensor(14, 20))).containsExactly("0-20:2");
        assertThat(ranges(4, 19, tensor(0, 10), tensor(14, 20))).containsExactly("0-10:1", "14-20:1");
    }

    @Test
    void whatOverlapsIsReadOnceHoweverLongItIs() {
        assertThat(ranges(0, 1, tensor(0, 10), tensor(5, 20), tensor(6, 7), tensor(0, 10)))
                .containsExactly("0-20:4");
    }

    @Test
    void viewsAndTensorsWithoutDataAreNotRead() {
        TensorInfo view = new TensorInfo("v", Dtype.U8, Shape.of(2), 0, 3, Shape.of(2));
        TensorInfo nowhere = new TensorInfo("n", Dtype.U8, Shape.of(2), TensorInfo.NOWHERE, TensorInfo.NOWHERE);
        assertThat(ranges(4, 100, view, nowhere, tensor(7, 7))).isEmpty();
    }

    @Test
    void whatNoArrayHoldsIsLeftOut() {
        List<Range> ranges = TensorRanges.of(
                Stream.of(tensor(0, 3 * GIB), tensor(0, GIB), tensor(GIB / 2, 3 * GIB - 1))
                        .toList(),
                0,
                0);
        assertThat(ranges)
                .singleElement()
                .satisfies(range -> assertThat(range.tensors()).containsExactly(tensor(0, GIB)));
    }
}
