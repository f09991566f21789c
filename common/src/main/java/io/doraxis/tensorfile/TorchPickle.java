package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Finding.Code.DUPLICATE_TENSOR_NAME;
import static io.doraxis.tensorfile.Finding.Code.NOT_A_PLAIN_TENSOR;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;
import static io.doraxis.tensorfile.Reason.TENSOR_BOUNDS;

import io.doraxis.tensorfile.PickleValue.Call;
import io.doraxis.tensorfile.PickleValue.Global;
import io.doraxis.tensorfile.PickleValue.Keyed;
import io.doraxis.tensorfile.PickleValue.Persistent;
import io.doraxis.tensorfile.PickleValue.Sequence;
import io.doraxis.tensorfile.PickleValue.Tuple;
import io.doraxis.tensorfile.TorchTensor.TorchStorage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of what torch pickled, by name. A state dict within a known wrapper (Lightning's {@code state_dict},
 * {@code model}, ...) is taken for the whole; other nested dicts get dotted names, as {@code string_to_param.*}.
 * Constructors and layouts are torch 2.13's {@code torch/_utils.py} and {@code torch/serialization.py}.
 */
final class TorchPickle {
    private static final List<String> WRAPPERS =
            List.of("state_dict", "model", "module", "params_ema", "ema", "generator", "net");
    private static final int MAX_DEPTH = 16;

    /** Items of dicts and lists: twice what a pickle may hold, since what it holds once it may show twice. */
    private static final int MAX_VISITS = 8_000_000;

    private static final int MAX_DIMS = 64;

    /** Elements that a view may show; an expanded one shows more than its storage holds. */
    private static final long MAX_ELEMENTS = 1L << 48;

    /** A name's characters, as safetensors has them at the most. */
    private static final int MAX_NAME = 1 << 20;

    /** Characters of all names: those of 250,000 tensors of unusually long ones. */
    private static final long MAX_NAMES = 64 << 20;

    private final long position;

    /** By what the pickle asks for; null for one that is not plain. */
    private final Map<String, TorchTensor> outside;

    private final Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    private final List<Finding> findings = new ArrayList<>();
    private final Tally notPlain = new Tally();
    private final Tally duplicates = new Tally();
    private long nameLengths;
    private int visits;

    /** A place in nested dicts: a text is made of it only for a tensor that is there. */
    private record Name(Name outer, String inner, long length) {
        static final Name ROOT = new Name(null, "", 0);

        Name then(String key) {
            return new Name(this, key, length == 0 ? key.length() : length + 1 + key.length());
        }

        @Override
        public String toString() {
            return outer == null || outer.length == 0 ? inner : outer + "." + inner;
        }
    }

    private TorchPickle(long position, Map<String, TorchTensor> outside) {
        this.position = position;
        this.outside = outside;
    }

    /**
     * What a pickle describes.
     *
     * @param root as {@link PickleMachine} read it
     * @param position of the pickle in the file, for messages
     * @throws MalformedTensorFileException if a tensor contradicts itself
     */
    static TorchPickle of(Object root, long position) throws MalformedTensorFileException {
        return of(root, position, Map.of());
    }

    /** @param outside the tensors that stand beside the pickle, by the ids that it asks for them with */
    static TorchPickle of(Object root, long position, Map<String, TorchTensor> outside)
            throws MalformedTensorFileException {
        TorchPickle pickle = new TorchPickle(position, outside);
        pickle.collect(Name.ROOT, pickle.unwrapped(root), 0);
        pickle.duplicates.report(
                DUPLICATE_TENSOR_NAME, "%d names again, of which the last entry counts: ", pickle.findings);
        pickle.notPlain.report(
                NOT_A_PLAIN_TENSOR, "%d sparse, quantised or otherwise special tensors, such as ", pickle.findings);
        return pickle;
    }

    Map<String, TorchTensor> tensors() {
        return tensors;
    }

    List<Finding> findings() {
        return findings;
    }

    private Object unwrapped(Object root) {
        Object value = root;
        for (int depth = 0; depth < WRAPPERS.size(); depth++) {
            Object inner = wrapped(value);
            if (inner == null) {
                return value;
            }
            value = inner;
        }
        return value;
    }

    /** The state dict within a wrapper that holds no tensor itself; null when there is none. */
    private Object wrapped(Object value) {
        if (!(value instanceof Keyed keyed)) {
            return null;
        }
        Map<Object, Object> wrappers = new LinkedHashMap<>();
        for (int i = 0; i < keyed.items.size(); i += 2) {
            Object item = keyed.items.get(i + 1);
            if (isTensor(item)) {
                return null;
            }
            if (keyed.items.get(i) instanceof String key && WRAPPERS.contains(key) && item instanceof Keyed) {
                wrappers.put(key, item);
            }
        }
        for (String wrapper : WRAPPERS) {
            if (wrappers.containsKey(wrapper)) {
                return wrappers.get(wrapper);
            }
        }
        return null;
    }

    private boolean isTensor(Object value) {
        if (value instanceof Persistent persistent) {
            return persistent.id() instanceof String id && outside.containsKey(id);
        }
        return value instanceof Call call
                && call.callee instanceof Global callee
                && (callee.name().startsWith("_rebuild") || isParameter(callee));
    }

    private static boolean isParameter(Global global) {
        return global.module().equals("torch.nn.parameter") && global.name().equals("Parameter");
    }

    private void collect(Name name, Object value, int depth) throws MalformedTensorFileException {
        if (isTensor(value)) {
            add(name, value);
        } else if (depth == MAX_DEPTH) {
            return; // no state dict is nested so deep; a cycle may be
        } else if (value instanceof Keyed keyed) {
            visit(keyed.items.size());
            for (int i = 0; i < keyed.items.size(); i += 2) {
                Object key = keyed.items.get(i);
                if (key instanceof String || key instanceof Long) {
                    collect(name.then(String.valueOf(key)), keyed.items.get(i + 1), depth + 1);
                }
            }
        } else {
            List<Object> items = value instanceof Sequence sequence
                    ? sequence.items
                    : value instanceof Tuple tuple ? tuple.items() : List.of();
            visit(items.size());
            for (int i = 0; i < items.size(); i++) {
                if (items.get(i) instanceof PickleValue) {
                    collect(name.then(String.valueOf(i)), items.get(i), depth + 1);
                }
            }
        }
    }

    private void visit(int items) throws MalformedTensorFileException {
        visits += items;
        if (visits > MAX_VISITS) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, position, "a structure of more than " + MAX_VISITS + " values", "a model's");
        }
    }

    private String text(Name name) throws MalformedTensorFileException {
        nameLengths += name.length;
        if (name.length > MAX_NAME || nameLengths > MAX_NAMES) {
            boolean one = name.length > MAX_NAME;
            throw new MalformedTensorFileException(
                    OVER_LIMIT,
                    position,
                    one ? "a name of more than " + MAX_NAME + " characters" : "names of more than " + MAX_NAMES,
                    "a model's");
        }
        return name.toString();
    }

    private void add(Name place, Object value) throws MalformedTensorFileException {
        TorchTensor tensor = tensor(value, 0);
        if (tensor == null || tensor.dtype() == null || tensor.storage().width() == 0) {
            notPlain.add(text(place));
            return;
        }
        String name = text(place);
        checkBounds(name, tensor);
        if (tensors.size() == SafetensorsReader.MAX_TENSORS) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, position, "more than " + SafetensorsReader.MAX_TENSORS + " tensors", "a model's");
        }
        if (tensors.put(name, tensor) != null) {
            duplicates.add("'" + name + "'");
        }
    }

    /** Null for a tensor that is not plain. */
    private TorchTensor tensor(Object value, int depth) {
        if (value instanceof Persistent persistent) {
            return persistent.id() instanceof String id ? outside.get(id) : null;
        }
        if (!(value instanceof Call call) || !(call.callee instanceof Global callee) || depth > 4) {
            return null;
        }
        List<Object> arguments = call.arguments;
        return switch (callee.name()) {
            case "_rebuild_tensor", "_rebuild_tensor_v2" -> view(arguments, null);
            case "_rebuild_tensor_v3" -> arguments.size() > 6 ? view(arguments, arguments.get(6)) : null;
            case "_rebuild_parameter", "_rebuild_parameter_with_state", "Parameter" ->
                arguments.isEmpty() ? null : tensor(arguments.get(0), depth + 1);
            case "_rebuild_from_type_v2" -> {
                boolean plain = arguments.size() > 2 && arguments.get(2) instanceof Tuple;
                yield plain ? tensor(new Call(arguments.get(0), ((Tuple) arguments.get(2)).items()), depth + 1) : null;
            }
            default -> null;
        };
    }

    /** @param dtype the name of a torch dtype; null where the storage has it */
    private static TorchTensor view(List<Object> arguments, Object dtype) {
        boolean typed =
                arguments.size() >= 4 && arguments.get(0) instanceof Persistent && arguments.get(1) instanceof Long;
        TorchStorage storage = typed ? storage(((Persistent) arguments.get(0)).id()) : null;
        Shape shape = typed ? shape(arguments.get(2)) : null;
        Shape strides = typed ? shape(arguments.get(3)) : null;
        if (storage == null || shape == null || strides == null || shape.rank() != strides.rank()) {
            return null;
        }
        Dtype known = dtype instanceof Global name ? TorchDtypes.ofDtype(name) : storage.dtype();
        return new TorchTensor(storage, known, (Long) arguments.get(1), shape, strides);
    }

    /** {@code ("storage", torch.FloatStorage, key, location, numel)}; null for anything else. */
    static TorchStorage storage(Object id) {
        if (!(id instanceof Tuple tuple) || tuple.items().size() < 5) {
            return null;
        }
        List<Object> items = tuple.items();
        if (items.size() > 5 && items.get(5) != null) {
            return null; // a view of another storage, which no version since 0.4 writes
        }
        boolean storage = "storage".equals(items.get(0))
                && items.get(1) instanceof Global
                && items.get(2) instanceof String
                && items.get(4) instanceof Long;
        if (!storage) {
            return null;
        }
        Global type = (Global) items.get(1);
        return new TorchStorage(
                (String) items.get(2), TorchDtypes.ofStorage(type), TorchDtypes.widthOfStorage(type), (Long)
                        items.get(4));
    }

    /** Null when it is no tuple of non-negative numbers. */
    private static Shape shape(Object value) {
        Object dims = value instanceof Call call && !call.arguments.isEmpty() ? call.arguments.get(0) : value;
        if (!(dims instanceof Tuple tuple) || tuple.items().size() > MAX_DIMS) {
            return null;
        }
        long[] numbers = new long[tuple.items().size()];
        for (int i = 0; i < numbers.length; i++) {
            if (!(tuple.items().get(i) instanceof Long number) || number < 0) {
                return null;
            }
            numbers[i] = number;
        }
        return Shape.of(numbers);
    }

    private void checkBounds(String name, TorchTensor tensor) throws MalformedTensorFileException {
        if (!isWithinStorage(tensor)) {
            throw new MalformedTensorFileException(
                    TENSOR_BOUNDS,
                    position,
                    "'%s' of %s, strides %s, from element %d"
                            .formatted(Printable.name(name), tensor.shape(), tensor.strides(), tensor.offset()),
                    "it within the %d elements of storage '%s'"
                            .formatted(
                                    tensor.storage().numel(),
                                    Printable.name(tensor.storage().key())));
        }
    }

    private static boolean isWithinStorage(TorchTensor tensor) {
        try {
            long shown = tensor.shape().elements();
            long end = Math.multiplyExact(tensor.reach(), tensor.dtype().bits() / 8L);
            return tensor.offset() >= 0
                    && shown >= 0
                    && shown <= MAX_ELEMENTS
                    && end <= tensor.storage().bytes();
        } catch (ArithmeticException e) { // beyond 2^63
            return false;
        }
    }
}
