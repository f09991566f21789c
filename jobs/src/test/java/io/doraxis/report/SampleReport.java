package io.doraxis.report;

import io.doraxis.report.Report.Change;
import io.doraxis.report.Report.Consumer;
import io.doraxis.report.Report.Differences;
import io.doraxis.report.Report.Rule;
import io.doraxis.report.Report.Run;
import io.doraxis.report.ReportRow.Prediction;
import java.util.List;
import java.util.Map;

/** A report on files whose names mean harm. */
public final class SampleReport {
    static final String HOSTILE = "file:/hub/</script><img src=x onerror=alert(1)>|`[a](b) {0} {{rows}} ü%.safetensors";
    private static final Run RUN = new Run(
            "r20260102T000000Z-0001",
            "2026-01-02T00:00:00Z",
            "1.0",
            "rules",
            List.of("/hub"),
            3,
            1,
            1,
            Map.of(),
            Map.of());

    private SampleReport() {}

    /** @param wrong checkpoints that are silently wrong */
    public static Report of(long wrong) {
        Change change = new Change("peft@0.21", "EXACT", "SILENTLY_WRONG", 37, 30, List.of(HOSTILE));
        return new Report(
                RUN,
                Map.of(Verdict.SILENTLY_WRONG, wrong, Verdict.UNREADABLE, 1L, Verdict.RIGHT, 1L),
                Map.of("LORA", Map.of("OUTPUT", 1L)),
                List.of(new Consumer(
                        "peft@0.21",
                        Map.of("SILENTLY_WRONG", 1L),
                        List.of(new Rule("rule", "SILENTLY_WRONG", 1, "peft@0.21/rule: because " + HOSTILE)))),
                Map.of("sd1.5", 1L),
                Map.of("EXACT", 1L),
                List.of(new Report.Error("EMPTY_OBJECT", 1, HOSTILE + ": EMPTY_OBJECT")),
                List.of(RUN),
                new Differences("r20260101T000000Z-0001", "rules", 2, 1, List.of(change)));
    }

    public static ReportRow row(Verdict verdict) {
        boolean unreadable = verdict == Verdict.UNREADABLE;
        return new ReportRow(
                HOSTILE,
                verdict,
                "ADAPTER",
                "SAFETENSORS",
                "KOHYA",
                "LORA",
                "OUTPUT",
                "PROVEN",
                null,
                "4",
                100L,
                unreadable ? "MALFORMED" : "OK",
                unreadable ? "EMPTY_OBJECT" : null,
                unreadable ? HOSTILE + ": EMPTY_OBJECT" : null,
                null,
                "EXACT",
                "as it is",
                List.of(new Prediction("peft@0.21", "SILENTLY_WRONG", "peft@0.21/rule: because")),
                List.of("1 x RECTANGULAR_LAYER: OUTPUT"),
                List.of(),
                List.of(new Advice.Step("merge it:", "doraxis merge --adapter {uri}")));
    }
}
