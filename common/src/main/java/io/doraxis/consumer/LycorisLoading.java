package io.doraxis.consumer;

import io.doraxis.adapter.AdapterModule;
import java.util.HashMap;

/** Whether LyCORIS 4.1.3 makes modules of its own from factors. */
public final class LycorisLoading {
    private LycorisLoading() {}

    /** Whether it fails to, or takes them for others; false where that cannot be told. */
    public static boolean fails(AdapterModule module) {
        LycorisReload reload = LycorisReload.of(module, new HashMap<>());
        return reload == LycorisReload.RAISES || reload == LycorisReload.BROADCASTS;
    }
}
