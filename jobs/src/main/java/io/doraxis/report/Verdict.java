package io.doraxis.report;

/** What a report says of a checkpoint first; the worst that is true of it, and the worst stands first. */
public enum Verdict {
    SILENTLY_WRONG("Silently wrong somewhere", "at least one program computes other weights with it and says nothing"),
    UNREADABLE("Unreadable", "it could not be read, or not all of it"),
    AMBIGUOUS("Axis open", "its shapes fit both axes, so what programs compute with it depends on the one they take"),
    NOT_EVERYWHERE("Not everywhere", "some program refuses it or says that it leaves something out; none is silent"),
    RIGHT("Right where known", "every program that is known to read it computes the right weights"),
    NO_ADAPTER("No adapter", "a model, an embedding or something else, which no axis is asked of");

    private final String label;
    private final String meaning;

    Verdict(String label, String meaning) {
        this.label = label;
        this.meaning = meaning;
    }

    /** For a heading. */
    public String label() {
        return label;
    }

    /** In a sentence. */
    public String meaning() {
        return meaning;
    }
}
