package io.doraxis.tensorfile;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Something odd that does not stop a file from being read: an entry of the {@code warnings} column. */
public record Finding(Code code, String detail) implements Serializable {
    private static final int MAX_DETAIL = 2_000;
    private static final int MOST_OF_A_CODE = 20;

    public Finding {
        detail = Printable.of(detail, MAX_DETAIL);
    }

    /** As many of each code as a reader may want to see, and of those with more, how many they are. */
    public static List<Finding> capped(List<Finding> findings) {
        Map<Code, Integer> counts = new EnumMap<>(Code.class);
        List<Finding> kept = new ArrayList<>();
        for (Finding finding : findings) {
            if (counts.merge(finding.code, 1, Integer::sum) <= MOST_OF_A_CODE) {
                kept.add(finding);
            }
        }
        counts.forEach((code, count) -> {
            if (count > MOST_OF_A_CODE) {
                kept.add(new Finding(code, "and " + (count - MOST_OF_A_CODE) + " more"));
            }
        });
        return kept;
    }

    /** Stable codes: they are stored in the audit table, so none is ever renamed. */
    public enum Code {
        /** Two tensors of one name: the last one counts, as in the reference; other readers may take the first. */
        DUPLICATE_TENSOR_NAME,
        /** White space before the header's first brace, which the format's description forbids. */
        LEADING_WHITESPACE,
        /** A name with a path separator, a control character or nothing in it. */
        SUSPICIOUS_TENSOR_NAME,
        /** A tensor entry or dtype in a spelling that only the reference's parser understands. */
        UNUSUAL_ENTRY_FORM,
        /** A header of no tensors. */
        NO_TENSORS,
        /** A magnitude whose shape fits neither axis of its module. */
        INVALID_MAGNITUDE,
        /** Modules of one file prove different axes. */
        MIXED_AXES,
        /** A flat magnitude that fits only the input axis: no known program writes it. */
        UNKNOWN_PRODUCER,
        /** Signed or tiny magnitudes as LyCORIS up to 2.3.0.dev1 wrote them: a mean, not a norm. */
        LEGACY_SIGNED_MEAN,
        /** Modules whose magnitude has no factors beside it, or whose factors are incomplete. */
        INCOMPLETE_MODULE,
        /** Tensors that no rule of the adapter's dialect explains. */
        UNRECOGNISED_TENSORS,
        /** Claims about the axis or the base model that the shapes contradict, or two different ones about the licence. */
        CLAIM_CONFLICT,
        /** Expressions of adapter_config.json took too long and were given up, or PEFT raises for a field of it. */
        PEFT_CONFIG,
        /** Fields of adapter_config.json that PEFT 0.21 ignores. */
        PEFT_UNKNOWN_FIELD,
        /** use_dora is not true beside magnitudes: PEFT drops them. */
        PEFT_DORA_IGNORED,
        /** use_dora is true beside modules without a magnitude: PEFT warns, and takes the base weight's norm. */
        PEFT_DORA_MISSING,
        /** Modules that adapter_config.json does not name or leaves out: PEFT drops them. */
        PEFT_UNTARGETED,
        /** Keys of rank_pattern or alpha_pattern that match nothing, or contradict each other. */
        PEFT_PATTERN,
        /** Tensors of another rank than adapter_config.json says. */
        PEFT_RANK,
        /** init_lora_weights is one with which PEFT changes the base weights too: the factors alone are not the change. */
        PEFT_BASE_CHANGED,
        /** Tensors beside adapter_config.json without the prefix that PEFT looks for. */
        PEFT_PREFIX_MISSING,
        /** Sparse, quantised, meta and other tensors that no safetensors file could hold: they are left out. */
        NOT_A_PLAIN_TENSOR,
        /** Bytes behind the last tensor of a torch file. */
        TRAILING_DATA,
        /** A torch file of a big-endian machine, or of an order that is not known: its values are not read. */
        BYTE_ORDER,
        /** A pickle would import a name that runs commands or code, or reaches files or the network. */
        DENIED_PICKLE_GLOBAL,
        /** Modules that the base model has nothing of the name of, or several. */
        NOT_IN_BASE,
        /** Modules whose weight in the base model has another shape than their factors give. */
        OTHER_SHAPE_IN_BASE,
        /** What a model manager wrote beside a file, or the card of a repository, cannot be read. */
        SIDE_FILE_UNREAD,
        /** Shards are left over that their index does not name. */
        SHARDS,
        /** Tensors that the index of a sharded model places in a file that lacks them. */
        SHARD_TENSOR_MISSING,
        /** Tensors of a shard that the index does not name. */
        SHARD_TENSOR_ORPHAN,
        /** Tensors that lie in another shard, too or instead. */
        SHARD_TENSOR_REPEATED,
        /** The index claims another size than the tensors have; older writers counted otherwise. */
        SHARD_TOTAL_SIZE,
        /** The index names files outside of its folder. */
        SHARD_OUTSIDE_FOLDER
    }

    @Override
    public String toString() {
        return code + ": " + detail;
    }
}
