package io.doraxis.adapter;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;

/** The magnitude tensor of a DoRA module. */
public record Magnitude(Kind kind, TensorInfo tensor) {
    /** Under which key it is stored: only LyCORIS' says nothing about the axis. */
    public enum Kind {
        /** {@code dora_scale}: LyCORIS and OneTrainer on either axis, and files renamed from PEFT's. */
        DORA_SCALE,
        /** PEFT: output axis. */
        LORA_MAGNITUDE_VECTOR,
        /** ai-toolkit: output axis. */
        AI_TOOLKIT_MAGNITUDE,
        /** NVlabs' reference code: output axis. */
        NVLABS_MAGNITUDE
    }

    public Shape shape() {
        return tensor.shape();
    }
}
