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

    /** Its first dimension by all the others, in float32. */
    FloatMatrix floats(Role role) {
        TensorInfo tensor = module.tensors().get(role);
        float[] values = new float[Math.toIntExact(tensor.shape().elements())];
        FloatDecoder.decode(tensor.dtype(), bytes(tensor, data), values, values.length);
        int rows = Math.toIntExact(tensor.shape().dimOrOne(0));
        return new FloatMatrix(values, rows, rows == 0 ? 0 : values.length / rows);
    }

    double[] values(Role role) {
        return values(module.tensors().get(role));
    }

    double[] values(TensorInfo tensor) {
        return values(tensor, data);
    }

    /** @throws IllegalArgumentException if the tensor holds no floats, or its bytes are not there */
    static double[] values(TensorInfo tensor, TensorData data) {
        return FloatDecoder.doubles(
                tensor.dtype(),
                bytes(tensor, data),
                Math.toIntExact(tensor.shape().elements()));
    }

    private static ByteBuffer bytes(TensorInfo tensor, TensorData data) {
        return data.bytes(tensor)
                .orElseThrow(() -> new IllegalArgumentException("the values of " + tensor.name() + " are not there"));
    }
}
