package io.doraxis.adapter;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;

/** The tensors of one module by their role. */
public final class ModuleTensors {
    private final TensorInfo[] byRole = new TensorInfo[Role.values().length];
    private TensorName.Spelling spelling = TensorName.Spelling.PLAIN;
    private int count;

    void put(TensorName.Suffix suffix, TensorInfo tensor) {
        int role = suffix.role().ordinal();
        if (byRole[role] == null) {
            count++;
        }
        byRole[role] = tensor;
        boolean factor = suffix.role() == Role.DOWN || suffix.role() == Role.UP;
        if (factor || spelling == TensorName.Spelling.PLAIN) {
            spelling = suffix.spelling();
        }
    }

    /** The tensor of that role; null when the module has none. */
    public TensorInfo get(Role role) {
        return byRole[role.ordinal()];
    }

    /** The shape of the tensor of that role, which the module must have. */
    public Shape shape(Role role) {
        return get(role).shape();
    }

    public boolean has(Role role) {
        return get(role) != null;
    }

    public boolean hasAll(Role... roles) {
        for (Role role : roles) {
            if (!has(role)) {
                return false;
            }
        }
        return true;
    }

    public boolean hasAny(Role... roles) {
        for (Role role : roles) {
            if (has(role)) {
                return true;
            }
        }
        return false;
    }

    public int count() {
        return count;
    }

    /** Whether the factors are called lora_A and lora_B. */
    public boolean spelledAsPeft() {
        return spelling == TensorName.Spelling.PEFT;
    }

    TensorName.Spelling spelling() {
        return spelling;
    }
}
