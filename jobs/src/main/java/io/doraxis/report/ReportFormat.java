package io.doraxis.report;

/** How a report is written. */
public enum ReportFormat {
    html,
    markdown,
    json,
    sarif
}
