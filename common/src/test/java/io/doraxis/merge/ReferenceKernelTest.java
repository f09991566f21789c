package io.doraxis.merge;

class ReferenceKernelTest extends TensorKernelContract {
    @Override
    protected TensorKernel open() {
        return new ReferenceKernel();
    }

    /** Once, at the end: the products and sums are in float64. */
    @Override
    protected int roundings(int inner) {
        return 1;
    }
}
