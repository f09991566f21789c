package io.doraxis.merge;

class JavaKernelTest extends TensorKernelContract {
    @Override
    protected TensorKernel open() {
        return new JavaKernel();
    }
}
