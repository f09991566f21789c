package io.doraxis.tensorfile;

/**
 * A tensor as torch pickles it: a view of a storage.
 *
 * @param dtype null for one that safetensors has no name for
 * @param offset first element, counted in elements of the storage
 * @param strides in elements, one per dimension
 */
record TorchTensor(TorchStorage storage, Dtype dtype, long offset, Shape shape, Shape strides) {
    /**
     * One storage.
     *
     * @param dtype null for an untyped one, or one that safetensors has no name for
     * @param width bytes of an element: 1 for an untyped one, 0 for a type that is not known
     */
    record TorchStorage(String key, Dtype dtype, int width, long numel) {
        /** Its size in bytes; negative where the type is not known. */
        long bytes() {
            return width == 0 ? -1 : Math.multiplyExact(numel, width);
        }
    }

    /** One more than the last element that it reaches, counted in elements of the storage; 0 for an empty tensor. */
    long reach() {
        long last = offset;
        for (int i = 0; i < shape.rank(); i++) {
            if (shape.dim(i) == 0) {
                return 0;
            }
            last = Math.addExact(last, Math.multiplyExact(shape.dim(i) - 1, strides.dim(i)));
        }
        return Math.addExact(last, 1);
    }

    /** Whether its elements follow each other as the shape counts them. */
    boolean isRowMajor() {
        long step = 1;
        for (int i = shape.rank() - 1; i >= 0; i--) {
            if (shape.dim(i) != 1 && strides.dim(i) != step) {
                return shape.elements() == 0;
            }
            step *= shape.dim(i);
        }
        return true;
    }
}
