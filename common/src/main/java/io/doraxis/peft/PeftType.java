package io.doraxis.peft;

/** Kinds of adapters that are exported, as {@code peft_type} names them (PEFT 0.21). */
public enum PeftType {
    LORA("lora_alpha"),
    LOHA("alpha"),
    LOKR("alpha");

    private final String alphaField;

    PeftType(String alphaField) {
        this.alphaField = alphaField;
    }

    String alphaField() {
        return alphaField;
    }
}
