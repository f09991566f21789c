package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.PeftAdapter.SavedModule;
import io.doraxis.tensorfile.TensorInfo;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** Calls layers of CLIP's text encoders as transformers 4 or 5 does (run with 5.24); all others keep their names. */
public final class TextEncoderNames {
    private static final String TEXT_MODEL = "text_model.";
    private static final String PROJECTION = "text_projection.weight";
    private static final Pattern CLIP = Pattern.compile(
            "(encoder\\.layers\\.\\d+\\.(self_attn|mlp|layer_norm\\d)|embeddings\\.(token|position)_embedding|final_layer_norm)\\b.*");

    private final TransformersNaming naming;
    private final boolean knowsBase;
    private final Set<Component> projected = EnumSet.noneOf(Component.class);

    /** @param base null without one */
    public TextEncoderNames(TransformersNaming naming, BaseModel base) {
        this.naming = naming;
        this.knowsBase = base != null;
        if (base != null) {
            for (TensorInfo tensor : base.index().tensors()) {
                if (ModulePath.localName(tensor.name()).equals(PROJECTION)) {
                    projected.add(BaseModel.component(tensor));
                }
            }
        }
    }

    /** The path of a layer or a parameter of some component. */
    public String path(Component component, String path) {
        boolean below = path.startsWith(TEXT_MODEL);
        String own = below ? path.substring(TEXT_MODEL.length()) : path;
        if (component == Component.DENOISER || !CLIP.matcher(own).matches()) {
            return path;
        }
        return switch (naming) {
            case OF_BASE -> path;
            case V4 -> TEXT_MODEL + own;
            case V5 -> projected.contains(component) ? path : own;
        };
    }

    /** Whether a layer's name hangs on a base that is not there. */
    boolean isOpen(Component component, String path) {
        return !knowsBase && !path(component, path).equals(path) && naming == TransformersNaming.V5;
    }

    /** The same adapter with those names. */
    PeftAdapter of(PeftAdapter adapter) {
        Component component = adapter.component();
        List<PeftModule> modules = adapter.modules().stream()
                .map(module -> new PeftModule(
                        module.source(),
                        path(component, module.path()),
                        module.rank(),
                        module.alpha(),
                        renamed(component, module.tensors())))
                .toList();
        List<SavedModule> saved = adapter.saved().stream()
                .map(layer -> new SavedModule(path(component, layer.path()), renamed(component, layer.tensors())))
                .toList();
        return new PeftAdapter(adapter.folder(), component, adapter.type(), modules, saved, adapter.fields());
    }

    private List<PeftTensor> renamed(Component component, List<PeftTensor> tensors) {
        return tensors.stream()
                .map(tensor -> new PeftTensor(
                        AdapterIndex.PEFT_PREFIX + path(component, AdapterIndex.peftPath(tensor.name())),
                        tensor.shape(),
                        tensor.source()))
                .toList();
    }
}
