package io.doraxis.cli;

import java.util.List;
import picocli.CommandLine.Option;

/** Where a job lists, and where it writes tables. */
final class Roots {
    @Option(
            names = "--input",
            required = true,
            paramLabel = "URI",
            description = "Folder, bucket or file to look through; may be given several times.")
    private List<String> inputs;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder of the tables; earlier runs in it are kept.")
    private String output;

    /** To be called before they are used. */
    void check() throws Doraxis.UsageException {
        if (output.isBlank() || inputs.stream().anyMatch(String::isBlank)) {
            throw new Doraxis.UsageException("--input and --output want a folder or URI, not an empty text");
        }
    }

    List<String> inputs() {
        return inputs;
    }

    String output() {
        return output;
    }

    /** The inputs as a message names them. */
    String below() {
        return String.join(", ", inputs);
    }
}
