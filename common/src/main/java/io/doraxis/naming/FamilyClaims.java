package io.doraxis.naming;

import io.doraxis.adapter.MetadataClaims;
import io.doraxis.tensorfile.ResourceLines;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The base models that metadata and model managers claim, as far as {@code family-claims.txt} knows their names. */
public final class FamilyClaims {
    private static final String RESOURCE = "family-claims.txt";
    private static final List<String> KEYS = List.of(
            "ss_base_model_version",
            "modelspec.architecture",
            "side_file.baseModel",
            "side_file.BaseModel",
            "side_file.base_model",
            "side_file.sd version");

    /** An adapter of text encoders alone has layers of theirs, whatever model it is for. */
    private static final Set<ModelFamily> TEXT_ENCODERS =
            EnumSet.of(ModelFamily.CLIP_L, ModelFamily.CLIP_G, ModelFamily.CLIP_H, ModelFamily.T5_XXL);

    private static final Map<String, ModelFamily> FAMILIES = read();

    private FamilyClaims() {}

    private static Map<String, ModelFamily> read() {
        Map<String, ModelFamily> families = new HashMap<>();
        for (String line : ResourceLines.of(FamilyClaims.class, RESOURCE)) {
            String[] words = line.split(" ", 2);
            families.put(words[1], ModelFamily.valueOf(words[0]));
        }
        return families;
    }

    /**
     * The claims that the layers contradict, each with what they fit.
     *
     * @param match null where the layers fit no family: then nothing contradicts them
     */
    public static List<String> conflicts(MetadataClaims claims, FamilyMatch match) {
        List<String> conflicts = new ArrayList<>();
        if (match == null || match.families().stream().anyMatch(TEXT_ENCODERS::contains)) {
            return conflicts;
        }
        for (String key : KEYS) {
            String claim = claims.get(key).orElse("");
            ModelFamily family = FAMILIES.get(name(claim));
            if (family != null && !match.families().contains(family)) {
                conflicts.add(key + " says " + claim + ", the layers fit " + match.name());
            }
        }
        return conflicts;
    }

    /** {@code stable-diffusion-xl-v1-base/lora}: what stands behind the slash is the kind of file. */
    private static String name(String claim) {
        int slash = claim.indexOf('/');
        return claim.substring(0, slash < 0 ? claim.length() : slash).strip().toLowerCase(Locale.ROOT);
    }
}
