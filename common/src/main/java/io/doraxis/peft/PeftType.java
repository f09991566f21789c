package io.doraxis.peft;

/** Kinds of adapters that are exported, as {@code peft_type} names them (PEFT 0.21). */
public enum PeftType {
    LORA("lora_alpha"),
    LOHA("alpha"),
    LOKR("alpha"),
    GLORA(null),
    IA3(null);

    private final String alphaField;

    PeftType(String alphaField) {
        this.alphaField = alphaField;
    }

    /** Null where it has none, and no ranks of single layers either. */
    String alphaField() {
        return alphaField;
    }
}
