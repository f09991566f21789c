package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.PeftAdapter.SavedModule;
import io.doraxis.peft.PeftTensor.Merged;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The base model of exports: its names, and the layers that its tensors are of. */
public final class BaseModel {
    private static final String BIAS = ".bias";

    private final TensorIndex index;
    private final BaseNames names;
    private final Map<String, TensorInfo> tensors = new HashMap<>();

    /** @param index its header */
    public BaseModel(TensorIndex index) {
        this.index = index;
        this.names = BaseNames.of(index.tensors());
        index.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
    }

    /** Its header. */
    public TensorIndex index() {
        return index;
    }

    BaseNames names() {
        return names;
    }

    TensorInfo tensor(String name) {
        return tensors.get(name);
    }

    /** Whether some convolution has one input channel for many outputs, as a grouped one does. */
    boolean hasGroups() {
        return index.tensors().stream()
                .map(TensorInfo::shape)
                .anyMatch(shape -> shape.rank() > 2 && shape.dim(1) == 1 && shape.dim(0) > 1);
    }

    boolean hasBias(TensorInfo weight) {
        return tensors.containsKey(layer(weight) + BIAS);
    }

    /** The layer that a tensor is a parameter of. */
    static String layer(TensorInfo tensor) {
        return tensor.name().substring(0, Math.max(0, tensor.name().lastIndexOf('.')));
    }

    static Component component(TensorInfo tensor) {
        return ModulePath.of(tensor.name()).component();
    }

    /** A layer, or what it is a part of. */
    private record Module(String name, String path, Component component) {
        Module(String name) {
            this(name, ModulePath.localName(name), ModulePath.of(name).component());
        }

        /** Whether PEFT saves this one too: it takes a name for the end of a path, whatever stands before it. */
        boolean isSavedWith(Module saved) {
            return component == saved.component && path.endsWith(saved.path);
        }
    }

    /**
     * Layers to be saved, and those that PEFT 0.21.2 saves with them ({@code _set_trainable}).
     *
     * @return layers of which none is a part of another
     */
    Set<String> closure(Collection<String> layers) {
        Set<String> all = new TreeSet<>(layers);
        List<Module> queue = new ArrayList<>();
        layers.forEach(layer -> queue.add(new Module(layer)));
        List<Module> modules = layers.isEmpty() ? List.of() : modules();
        while (!queue.isEmpty()) {
            Module saved = queue.remove(queue.size() - 1);
            for (Module other : modules) {
                if (other.isSavedWith(saved) && all.add(other.name)) {
                    queue.add(other);
                }
            }
        }
        Set<String> outermost = new TreeSet<>(all);
        outermost.removeIf(layer -> isPartOf(layer, all));
        return outermost;
    }

    private List<Module> modules() {
        Set<String> names = new TreeSet<>();
        for (TensorInfo tensor : index.tensors()) {
            String layer = layer(tensor);
            while (!layer.isEmpty() && names.add(layer)) {
                layer = layer.substring(0, Math.max(0, layer.lastIndexOf('.')));
            }
        }
        return names.stream().map(Module::new).toList();
    }

    /** Whether a layer is a part of one of some others. */
    static boolean isPartOf(String layer, Set<String> others) {
        for (int dot = layer.lastIndexOf('.'); dot > 0; dot = layer.lastIndexOf('.', dot - 1)) {
            if (others.contains(layer.substring(0, dot))) {
                return true;
            }
        }
        return false;
    }

    /** All parameters of a layer. */
    SavedModule saved(String layer) {
        List<PeftTensor> parameters = new ArrayList<>();
        for (TensorInfo tensor : index.tensors()) {
            if (tensor.name().startsWith(layer + ".")) {
                String name = AdapterIndex.PEFT_PREFIX + ModulePath.localName(tensor.name());
                parameters.add(new PeftTensor(name, tensor.shape(), new Merged(tensor)));
            }
        }
        return new SavedModule(ModulePath.localName(layer), parameters);
    }
}
