package io.doraxis.peft;

import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.tensorfile.Printable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The model card of an export, {@code README.md}: what it was made of, what was done, and how it is loaded. */
public final class ModelCard {
    public static final String FILE = "README.md";

    private static final int MAX_TEXT = 300;

    /** That are listed of a lossy export. */
    private static final int MAX_LAYERS = 20;

    /** Licences by the short names that hubs have for them. */
    private static final Pattern LICENSE_WORD = Pattern.compile("[a-z0-9][a-z0-9.+-]{0,60}");

    /** A model of a hub: owner and name. */
    private static final Pattern MODEL_ID = Pattern.compile("[\\w.-]{1,96}/[\\w.-]{1,96}");

    /** Of adapters that are loaded one after the other: {@code 1-lora}. */
    private static final Pattern STEP = Pattern.compile("(?:(.*)/)?\\d-[a-z0-9]+");

    private final ExportPlan plan;
    private final Provenance provenance;
    private final List<PeftAdapter> adapters;
    private final StringBuilder text = new StringBuilder();

    private ModelCard(ExportPlan plan, Provenance provenance, List<PeftAdapter> adapters) {
        this.plan = plan;
        this.provenance = provenance;
        this.adapters = adapters;
    }

    /** Of the whole export, for its own directory. */
    public static byte[] of(ExportPlan plan, Provenance provenance) {
        return new ModelCard(plan, provenance, plan.adapters()).written();
    }

    /** Of one of several directories below. */
    public static byte[] of(ExportPlan plan, Provenance provenance, PeftAdapter adapter) {
        return new ModelCard(plan, provenance, List.of(adapter)).written();
    }

    private byte[] written() {
        frontMatter();
        line("");
        line("# " + title());
        line("");
        line("Made by Doraxis " + provenance.toolVersion() + " (rules " + provenance.rulesVersion() + ") of "
                + code(provenance.source())
                + (provenance.etag() == null ? "" : ", etag " + code(provenance.etag()))
                + (provenance.base().isEmpty() ? "" : ", with the base model " + code(provenance.base())) + ".");
        if (provenance.baseModel() != null) {
            line("The source names as its base model " + code(provenance.baseModel()) + ", which is a claim.");
        }
        done();
        loading();
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private void line(String line) {
        text.append(line).append('\n');
    }

    private void frontMatter() {
        line("---");
        boolean isId = provenance.baseModel() != null
                && MODEL_ID.matcher(provenance.baseModel()).matches();
        if (isId) {
            line("base_model: " + provenance.baseModel());
        }
        line("library_name: " + (plan.file() == null ? "peft" : plan.file().library()));
        String license = provenance.license();
        if (license != null && LICENSE_WORD.matcher(license).matches()) {
            line("license: " + license);
        } else if (license != null) {
            line("license: other");
            line("license_name: \"" + Printable.of(license, MAX_TEXT / 2).replaceAll("[\"\\\\]", "'") + '"');
        }
        line("tags:");
        tags(isId).forEach(tag -> line("- " + tag));
        line("---");
    }

    private Set<String> tags(boolean isId) {
        Set<String> tags = new TreeSet<>(Set.of("doraxis"));
        if (plan.file() != null) {
            plan.file().modules().forEach(module -> tag(tags, module));
        }
        for (PeftAdapter adapter : adapters) {
            tags.add(adapter.type().name().toLowerCase(Locale.ROOT));
            if (adapter.isDora()) {
                tags.add("dora");
            }
        }
        if (isId) {
            tags.add("base_model:adapter:" + provenance.baseModel());
        }
        return tags;
    }

    private static void tag(Set<String> tags, PeftModule module) {
        tags.add(module.source().algorithm().name().toLowerCase(Locale.ROOT));
        if (module.source().hasDora()) {
            tags.add("dora");
        }
    }

    private String title() {
        String source = provenance.source();
        int slash = source.lastIndexOf('/');
        if (slash > 0 && source.startsWith("adapter_model.", slash + 1)) {
            source = source.substring(0, slash); // a PEFT directory is called as its folder
        }
        String layout = plan.file() == null ? "PEFT's layout" : plan.file().layout();
        return Printable.of(source.substring(source.lastIndexOf('/') + 1), MAX_TEXT) + " in " + layout;
    }

    /** A text as it is, whatever is in it. */
    private static String code(String text) {
        return '`' + Printable.of(text, MAX_TEXT).replace('`', '\'') + '`';
    }

    private void done() {
        line("");
        line("## What was done");
        line("");
        if (plan.outcome() == ExportOutcome.NOT_NEEDED) {
            line("The source was copied, byte for byte: " + plan.reason() + ".");
            return;
        }
        line("| modules | were, and are |");
        line("|---|---|");
        plan.done().forEach((what, count) -> line("| " + count + " | " + what + " |"));
        line("");
        List<PeftTensor> tensors = plan.file() == null
                ? adapters.stream().flatMap(each -> each.tensors().stream()).toList()
                : plan.file().tensors();
        long copied = tensors.stream()
                .filter(tensor -> tensor.source() instanceof Copied)
                .count();
        line("Of the %d tensors here %d are the source's bytes, and %d were computed."
                .formatted(tensors.size(), copied, tensors.size() - copied));
        line(exactness());
        lossy();
        if (!plan.unmatched().isEmpty()) {
            line("%d names of the source have no place in the base model and are left out, such as %s."
                    .formatted(plan.unmatched().size(), code(plan.unmatched().get(0))));
        }
    }

    private void lossy() {
        List<String> worst = plan.lossy().worstFirst();
        if (worst.isEmpty()) {
            return;
        }
        line("");
        line("| lossy | form | off |");
        line("|---|---|---|");
        for (String module : worst.subList(0, Math.min(worst.size(), MAX_LAYERS))) {
            Approximation made = plan.lossy().made().get(module);
            line("| %s | %s of rank %d | %s |"
                    .formatted(code(module), made.form(), made.rank(), LossyErrors.text(made.relativeError())));
        }
        if (worst.size() > MAX_LAYERS) {
            line("");
            line("And %d more that are less far off: `%s` in the header of the weights has all."
                    .formatted(worst.size() - MAX_LAYERS, LossyErrors.OF_MODULES));
        }
    }

    private String exactness() {
        return switch (plan.outcome()) {
            case EXACT -> "It is exact at strength 1: the same weights as the source's, but for rounding.";
            case EXACT_WITH_BASE ->
                "It is exact at strength 1 with that base model, whose weights were computed with: the same weights as"
                        + " the source's, but for rounding.";
            case LOSSY ->
                "It is not exact: its weights at strength 1 are %s off, relative to what the adapter changes in the layers below; the others are exact."
                        .formatted(LossyErrors.text(plan.lossy().relativeError()));
            case NOT_NEEDED, IMPOSSIBLE -> "";
        };
    }

    private void loading() {
        line("");
        line("## How to load it");
        line("");
        if (adapters.size() > 1) {
            line(
                    hasSteps()
                            ? "In the order of their numbers, each merged before the next: another order is silently wrong."
                            : "Each into its own model.");
            line("");
        }
        line("```python");
        if (plan.file() != null) {
            line("file = folder + \"/" + plan.file().name() + '"');
            plan.file().loading().forEach(this::line);
        } else {
            line("from peft import PeftModel");
            line("");
            calls().forEach(this::line);
        }
        line("```");
    }

    private boolean hasSteps() {
        return adapters.stream().map(PeftAdapter::folder).anyMatch(ModelCard::isStep);
    }

    private List<String> calls() {
        if (adapters.size() < 2) {
            return List.of("model = PeftModel.from_pretrained(model, folder)");
        }
        List<String> calls = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            String folder = adapters.get(i).folder();
            String component = component(folder);
            String model = component.isEmpty() ? "model" : component;
            boolean more = i + 1 < adapters.size()
                    && isStep(folder)
                    && component.equals(component(adapters.get(i + 1).folder()));
            calls.add("%s = PeftModel.from_pretrained(%s, folder, subfolder=\"%s\")%s"
                    .formatted(model, model, folder, more ? ".merge_and_unload()" : ""));
        }
        return calls;
    }

    private static boolean isStep(String folder) {
        return STEP.matcher(folder).matches();
    }

    /** What stands before a step's number. */
    private static String component(String folder) {
        Matcher step = STEP.matcher(folder);
        return !step.matches() ? folder : step.group(1) == null ? "" : step.group(1);
    }
}
