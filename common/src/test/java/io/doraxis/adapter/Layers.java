package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

/** What tests say of the layer that a module adapts. */
final class Layers {
    private Layers() {}

    static void isLayer(AdapterModule module, Algorithm algorithm, LayerKind kind, long out, long in, Integer rank) {
        assertThat(module)
                .extracting(
                        AdapterModule::algorithm,
                        AdapterModule::layerKind,
                        AdapterModule::out,
                        AdapterModule::in,
                        AdapterModule::rank)
                .containsExactly(algorithm, kind, out, in, rank);
    }
}
