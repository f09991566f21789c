package io.doraxis.consumer;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Reason;
import java.util.Arrays;
import java.util.List;

/** The distinct fact sets of a file's modules: a thousand modules have a handful of them. */
final class FactSets {
    private long[] sets = new long[16];
    private int count;

    private FactSets() {}

    /**
     * @param config null without an adapter_config.json
     * @param unread why there is one, and no config; null where there is none
     */
    static long[] of(AdapterIndex index, CheckpointVerdict verdict, PeftConfig config, Reason unread) {
        List<AdapterModule> modules = index.modules();
        long ofFile = ofFile(index, verdict) | PeftFacts.without(unread);
        PeftFacts peft = config == null ? null : new PeftFacts(config);
        ModuleFacts facts = new ModuleFacts();
        FactSets distinct = new FactSets();
        for (int i = 0; i < modules.size(); i++) {
            AdapterModule module = modules.get(i);
            long ofModule = facts.of(module, verdict.resolved(verdict.modules().get(i)));
            distinct.add(ofFile | ofModule | (peft == null ? 0 : peft.of(module)));
        }
        return Arrays.copyOf(distinct.sets, distinct.count);
    }

    private static long ofFile(AdapterIndex index, CheckpointVerdict verdict) {
        boolean signedMean = false;
        for (Finding finding : verdict.findings()) {
            signedMean |= finding.code() == Finding.Code.LEGACY_SIGNED_MEAN;
        }
        return Fact.LEGACY_SIGNED_MEAN.when(signedMean)
                | Fact.UNDOTTED_KEY.when(index.hasUndottedName())
                | Fact.DIFFUSERS_METADATA.when(
                        index.claims().get("lora_adapter_metadata").isPresent())
                | Fact.MAGNITUDES_MISSING.when(verdict.doraModules() > 0
                        && verdict.doraModules() < index.modules().size());
    }

    private void add(long facts) {
        for (int i = count - 1; i >= 0; i--) {
            if (sets[i] == facts) {
                return;
            }
        }
        if (count == sets.length) {
            sets = Arrays.copyOf(sets, 2 * count);
        }
        sets[count++] = facts;
    }
}
