package io.doraxis.report;

import io.doraxis.consumer.Outcome;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.peft.ExportOutcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What can be done with an adapter, in the order of preference: the words of {@code explain} and of the reports. */
public final class Advice {
    private static final String URI = "{uri}";

    private final String program;
    private final String base;

    /**
     * Advice in the words of a command line.
     *
     * @param program how Doraxis is called
     * @param base the adapter's base model; null where it is not known
     */
    public Advice(String program, String base) {
        this.program = program;
        this.base = base;
    }

    /**
     * One thing to do or not to do.
     *
     * @param command a line for a shell, in which {@code {uri}} stands for the checkpoint; null where there is none
     */
    public record Step(String text, String command) {
        /** The line for a checkpoint. */
        public String command(String uri) {
            int at = command.indexOf(URI);
            return command.substring(0, at) + quoted(uri) + command.substring(at + URI.length());
        }
    }

    /** @param outcomes of each program */
    public List<Step> steps(CheckpointAxis axis, Map<String, Outcome> outcomes, ExportOutcome export) {
        if (axis == CheckpointAxis.AMBIGUOUS) {
            return List.of(new Step(
                    "Let the base model's values decide; ATLAS is what '%s atlas' made of base models:"
                            .formatted(program),
                    program + " audit --input {uri} --atlas ATLAS --values ambiguous --output OUT"));
        }
        List<Step> steps = new ArrayList<>();
        String right = programs(outcomes, Outcome.EXACT);
        steps.add(say(
                right.isEmpty() ? "No program is known that loads it right." : "Load it with %s.".formatted(right)));
        String wrong = programs(outcomes, Outcome.SILENTLY_WRONG);
        if (!wrong.isEmpty()) {
            steps.add(say("Do not load it with %s: nothing is said, and something else computed.".formatted(wrong)));
            steps.add(new Step(
                    "Or merge it into the base model, which every program loads:",
                    "%s merge --adapter {uri} --base %s --output OUT.safetensors"
                            .formatted(program, base == null ? "BASE.safetensors" : quoted(base))));
        }
        if (export == ExportOutcome.EXACT || export == ExportOutcome.EXACT_WITH_BASE) {
            steps.add(new Step(
                    "Or export it to PEFT's layout, for programs that use PEFT:",
                    "%s export --input {uri} --base BASE.safetensors%s --output OUT"
                            .formatted(program, axis == CheckpointAxis.INPUT ? " --input-axis auto" : "")));
        }
        return steps;
    }

    private static Step say(String text) {
        return new Step(text, null);
    }

    private static String programs(Map<String, Outcome> outcomes, Outcome wanted) {
        return outcomes.entrySet().stream()
                .filter(entry -> entry.getValue() == wanted)
                .map(Map.Entry::getKey)
                .collect(Collectors.joining(", "));
    }

    /** As one word of a shell. */
    private static String quoted(String word) {
        return "'" + word.replace("'", "'\\''") + "'";
    }
}
