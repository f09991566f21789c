package io.doraxis.adapter;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.Arrays;
import java.util.List;

/** The tensors of one module by their role. */
public final class ModuleTensors {
    private static final long MAGNITUDES = Role.DORA_SCALE.bit()
            | Role.LORA_MAGNITUDE_VECTOR.bit()
            | Role.AI_TOOLKIT_MAGNITUDE.bit()
            | Role.NVLABS_MAGNITUDE.bit();

    /** A bit for each role that is there. */
    private long roles;

    /** The tensors in the order of their roles, as many as {@code roles} has bits. */
    private TensorInfo[] tensors = new TensorInfo[4];

    private TensorName.Spelling spelling = TensorName.Spelling.PLAIN;

    void put(TensorName.Suffix suffix, TensorInfo tensor) {
        Role role = suffix.role();
        int place = place(role);
        if (!has(role)) {
            int count = count();
            TensorInfo[] wider = count < tensors.length ? tensors : Arrays.copyOf(tensors, 2 * count);
            System.arraycopy(tensors, place, wider, place + 1, count - place);
            tensors = wider;
            roles |= role.bit();
        }
        tensors[place] = tensor;
        boolean factor = role == Role.DOWN || role == Role.UP;
        if (factor || spelling == TensorName.Spelling.PLAIN) {
            spelling = suffix.spelling();
        }
    }

    private int place(Role role) {
        return Long.bitCount(roles & role.bit() - 1);
    }

    /** The tensor of that role; null when the module has none. */
    public TensorInfo get(Role role) {
        return has(role) ? tensors[place(role)] : null;
    }

    /** The shape of the tensor of that role, which the module must have. */
    public Shape shape(Role role) {
        return get(role).shape();
    }

    public boolean has(Role role) {
        return (roles & role.bit()) != 0;
    }

    public boolean hasAll(Role... wanted) {
        for (Role role : wanted) {
            if (!has(role)) {
                return false;
            }
        }
        return true;
    }

    public boolean hasAny(Role... wanted) {
        for (Role role : wanted) {
            if (has(role)) {
                return true;
            }
        }
        return false;
    }

    public int count() {
        return Long.bitCount(roles);
    }

    /** Whether there is more than one magnitude, of different programs: which one counts is not said. */
    public boolean hasTwoMagnitudes() {
        return Long.bitCount(roles & MAGNITUDES) > 1;
    }

    /** Its tensors, in the order of their roles. */
    public List<TensorInfo> all() {
        return List.of(Arrays.copyOf(tensors, count()));
    }

    /** Whether the factors are called lora_A and lora_B. */
    public boolean spelledAsPeft() {
        return spelling == TensorName.Spelling.PEFT;
    }

    TensorName.Spelling spelling() {
        return spelling;
    }
}
