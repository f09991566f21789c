package io.doraxis.naming;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.MetadataClaims;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FamilyClaimsTest {
    @Test
    void aClaimThatTheLayersFitIsNoConflict() {
        assertThat(conflicts("side_file.baseModel", "Pony", ModelFamily.SDXL)).isEmpty();
        assertThat(conflicts("ss_base_model_version", "sd_v1", ModelFamily.SD15, ModelFamily.SD21))
                .isEmpty();
        assertThat(conflicts("modelspec.architecture", "flux-1-dev/lora", ModelFamily.FLUX1))
                .isEmpty();
    }

    @Test
    void aClaimThatTheLayersDoNotFitIsAConflict() {
        assertThat(conflicts("modelspec.architecture", "stable-diffusion-xl-v1-base/lora", ModelFamily.SD15))
                .containsExactly("modelspec.architecture says stable-diffusion-xl-v1-base/lora, the layers fit SD15");
        assertThat(conflicts("side_file.sd version", "SD1", ModelFamily.SD21, ModelFamily.SDXL))
                .containsExactly("side_file.sd version says SD1, the layers fit SD21|SDXL");
    }

    @Test
    void whatNamesNoKnownModelForCertainIsNoConflict() {
        assertThat(conflicts("side_file.baseModel", "Other", ModelFamily.SDXL)).isEmpty();
        assertThat(conflicts("side_file.baseModel", "SD 3.5 Medium", ModelFamily.SDXL))
                .isEmpty();
        assertThat(conflicts("ss_base_model_version", "", ModelFamily.SDXL)).isEmpty();
    }

    @Test
    void layersOfTextEncodersOrOfNoFamilyContradictNothing() {
        assertThat(conflicts("side_file.baseModel", "SDXL 1.0", ModelFamily.CLIP_L))
                .isEmpty();
        assertThat(FamilyClaims.conflicts(new MetadataClaims(Map.of("side_file.baseModel", "SDXL 1.0")), null))
                .isEmpty();
    }

    private static List<String> conflicts(String key, String claim, ModelFamily first, ModelFamily... more) {
        return FamilyClaims.conflicts(
                new MetadataClaims(Map.of(key, claim)), new FamilyMatch(EnumSet.of(first, more), 1, 1));
    }
}
