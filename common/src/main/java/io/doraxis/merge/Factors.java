package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;

/** The values of one module's tensors. */
record Factors(AdapterModule module, TensorData data) {
    boolean has(Role role) {
        return module.tensors().has(role);
    }

    Shape shape(Role role) {
        return module.tensors().shape(role);
    }

    /** Its first dimension by all the others. */
    Matrix matrix(Role role) {
        double[] values = values(module.tensors().get(role));
        int rows = Math.toIntExact(shape(role).dimOrOne(0));
        return new Matrix(rows, rows == 0 ? 0 : values.length / rows, values);
    }

    double[] values(Role role) {
        return values(module.tensors().get(role));
    }

    double[] values(TensorInfo tensor) {
        return values(tensor, data);
    }

    /** @throws IllegalArgumentException if the tensor holds no floats, or its bytes are not there */
    static double[] values(TensorInfo tensor, TensorData data) {
        ByteBuffer bytes = data.bytes(tensor)
                .orElseThrow(() -> new IllegalArgumentException("the values of " + tensor.name() + " are not there"));
        return FloatDecoder.doubles(
                tensor.dtype(), bytes, Math.toIntExact(tensor.shape().elements()));
    }
}
