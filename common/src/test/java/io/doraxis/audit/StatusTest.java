package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.Reason;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StatusTest {
    private static final Set<Reason> UNSUPPORTED =
            EnumSet.of(Reason.UNKNOWN_DTYPE, Reason.UNSUPPORTED_CONTAINER, Reason.OVER_LIMIT);
    private static final Set<Reason> STORE = EnumSet.of(
            Reason.STORE_NOT_FOUND, Reason.STORE_FORBIDDEN, Reason.STORE_FAILED, Reason.SHORT_BODY, Reason.WRONG_RANGE);

    @Test
    void everyReasonIsTheFilesOrTheStoresOrOurs() {
        for (Reason reason : Reason.values()) {
            Status expected = UNSUPPORTED.contains(reason)
                    ? Status.UNSUPPORTED
                    : STORE.contains(reason)
                            ? Status.STORE_ERROR
                            : reason == Reason.STORE_CHANGED ? Status.CHANGED : Status.MALFORMED;
            assertThat(Status.of(reason)).as(reason.name()).isEqualTo(expected);
        }
    }
}
