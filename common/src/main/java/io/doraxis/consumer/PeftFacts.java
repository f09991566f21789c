package io.doraxis.consumer;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.ModuleTensors;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.Role;
import io.doraxis.tensorfile.Reason;
import java.util.Optional;

/** The facts that an adapter_config.json adds: of the file, and of each module. */
final class PeftFacts {
    private final PeftConfig config;
    private final long ofFile;
    private final Algorithm algorithm;

    PeftFacts(PeftConfig config) {
        this.config = config;
        algorithm = algorithm(config.peftType());
        boolean known = config.isOfKnownType();
        ofFile = Fact.PEFT_CONFIG.bit()
                | Fact.PEFT_TYPE_UNKNOWN.when(!known)
                | Fact.PEFT_TYPE_UNREAD.when(known && algorithm == null)
                | Fact.USE_DORA.when(config.useDora())
                | Fact.MORE_THAN_FACTORS.when(config.unmergeable() != null)
                | Fact.BASE_CHANGED_ANEW.when(config.changesBase() && !config.repeatsInitial())
                | Fact.ALPHA_UNREAD.when(config.hasUntoldKeys())
                | Fact.TARGETS_UNTOLD.when(config.targets().areAbsent());
    }

    /**
     * The facts of a file whose configuration is not there.
     *
     * @param why it could not be read; null where there is none
     */
    static long without(Reason why) {
        boolean broken = why == Reason.INVALID_SIDE_FILE || why == Reason.CACHE_LINK;
        return Fact.PEFT_CONFIG_INVALID.when(broken) | Fact.PEFT_TYPE_UNREAD.when(why != null && !broken);
    }

    private static Algorithm algorithm(String peftType) {
        return switch (peftType == null ? "" : peftType) {
            case "LORA" -> Algorithm.LORA;
            case "LOHA" -> Algorithm.LOHA;
            case "LOKR" -> Algorithm.LOKR;
            case "IA3" -> Algorithm.IA3;
            case "OFT" -> Algorithm.OFT;
            case "BOFT" -> Algorithm.BOFT;
            default -> null;
        };
    }

    long of(AdapterModule module) {
        String name = module.name();
        boolean prefixed = name.startsWith(AdapterIndex.PEFT_PREFIX);
        String path = AdapterIndex.peftPath(name);
        Optional<Boolean> targets = config.targets(path);
        return ofFile
                | Fact.PEFT_CONFIG_INVALID.when(config.fault(module) != null)
                | Fact.TARGETS_UNTOLD.when(prefixed && targets.isEmpty())
                | Fact.UNTARGETED.when(prefixed && !targets.orElse(true))
                | Fact.OTHER_PEFT_TYPE.when(module.isComplete() && !hasKeys(module))
                | Fact.RANK_MISMATCH.when(config.givesOtherRank(module));
    }

    private boolean hasKeys(AdapterModule module) {
        if (module.algorithm() != algorithm) {
            return false;
        }
        ModuleTensors t = module.tensors();
        return switch (module.algorithm()) {
            case LORA -> t.spelledAsPeft() || t.has(Role.EMBEDDING_UP);
            case IA3 -> t.has(Role.IA3_VECTOR);
            case OFT -> t.has(Role.PEFT_OFT_R);
            case BOFT -> t.has(Role.PEFT_BOFT_R);
            default -> true;
        };
    }
}
