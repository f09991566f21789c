package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.INVALID_PICKLE;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;

import io.doraxis.tensorfile.PickleInput.EndOfInput;
import io.doraxis.tensorfile.PickleValue.Bytes;
import io.doraxis.tensorfile.PickleValue.Call;
import io.doraxis.tensorfile.PickleValue.Dict;
import io.doraxis.tensorfile.PickleValue.Global;
import io.doraxis.tensorfile.PickleValue.Keyed;
import io.doraxis.tensorfile.PickleValue.Persistent;
import io.doraxis.tensorfile.PickleValue.Sequence;
import io.doraxis.tensorfile.PickleValue.Tuple;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/**
 * Reads pickles of protocols 0 to 5 (Python's {@code pickletools}) without executing them: {@link PickleValue} is what
 * comes out. Nothing is looked up by name, and no constructor runs. What a pickle may make is bounded: a value takes at
 * least one byte of the pickle, and there are {@link #MAX_VALUES} at the most.
 */
final class PickleMachine {
    /** Some twelve values describe a tensor; there are 250,000 tensors at the most. */
    private static final int MAX_VALUES = 4_000_000;

    private static final Object MARK = new Object();
    private static final Object ABSENT = new Object();

    private final PickleInput in;
    private final Consumer<Global> imports;
    private final List<Object> stack = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final List<Object> memo = new ArrayList<>();
    private final List<Persistent> persistents = new ArrayList<>();
    private int values;

    /** @param imports told of every name that the pickle would import */
    PickleMachine(PickleInput in, Consumer<Global> imports) {
        this.in = in;
        this.imports = imports;
    }

    /**
     * Reads one pickle, up to its STOP.
     *
     * @throws EndOfInput if it goes on behind the bytes at hand
     * @throws MalformedTensorFileException if the bytes are no pickle, or one that describes more than any model
     */
    Object read() throws EndOfInput, MalformedTensorFileException {
        while (true) {
            int opcode = in.u8();
            if (opcode == '.') {
                return pop();
            }
            if (opcode < 0x80) {
                printable(opcode);
            } else {
                binary(opcode);
            }
        }
    }

    /** All that unpickling would have asked its caller for, in the order of the pickle. */
    List<Persistent> persistents() {
        return persistents;
    }

    /** Opcodes of protocols 0 and 1, which are printable characters. */
    private void printable(int opcode) throws EndOfInput, MalformedTensorFileException {
        switch (opcode) {
            case '(' -> mark();
            case '0' -> drop();
            case '1' -> popMark();
            case '2' -> push(peek());
            case 'F' -> push(decimal(in.line()));
            case 'I', 'L' -> push(integer(in.line()));
            case 'J' -> push((long) (int) in.number(4));
            case 'K' -> push(in.number(1));
            case 'M' -> push(in.number(2));
            case 'G' -> push(in.bigEndianDouble());
            case 'N' -> push(null);
            case 'P' -> pushPersistent(in.line());
            case 'Q' -> pushPersistent(pop());
            case 'R' -> {
                Object arguments = pop();
                push(new Call(pop(), items(arguments)));
            }
            case 'S' -> push(unquoted(in.line()));
            case 'V' -> push(in.line());
            case 'T' -> push(in.text(in.number(4)));
            case 'U' -> push(in.text(in.number(1)));
            case 'X' -> push(in.text(in.number(4)));
            case 'B' -> pushBytes(in.number(4));
            case 'C' -> pushBytes(in.number(1));
            case 'a' -> append(Collections.singletonList(pop()));
            case 'e' -> append(popMark());
            case 's' -> {
                Object value = pop();
                set(pair(pop(), value));
            }
            case 'u' -> set(popMark());
            case 'b' -> pop(); // a state, which changes no tensor
            case 'c' -> pushGlobal(in.line(), in.line());
            case 'd' -> {
                List<Object> items = popMark();
                push(new Dict());
                set(items);
            }
            case '}' -> push(new Dict());
            case 'l' -> pushSequence(popMark());
            case ']' -> push(new Sequence());
            case 't' -> push(new Tuple(popMark()));
            case ')' -> push(new Tuple(List.of()));
            case 'g' -> get(index(in.line()));
            case 'h' -> get(in.number(1));
            case 'j' -> get(in.number(4));
            case 'p' -> put(index(in.line()));
            case 'q' -> put(in.number(1));
            case 'r' -> put(in.number(4));
            case 'i' -> {
                Global type = global(in.line(), in.line());
                push(new Call(type, popMark()));
            }
            case 'o' -> {
                List<Object> typeAndArguments = popMark();
                if (typeAndArguments.isEmpty()) {
                    throw invalid("OBJ without a class");
                }
                push(new Call(typeAndArguments.get(0), typeAndArguments.subList(1, typeAndArguments.size())));
            }
            default -> throw unknown(opcode);
        }
    }

    /** Opcodes of protocols 2 to 5. */
    private void binary(int opcode) throws EndOfInput, MalformedTensorFileException {
        switch (opcode) {
            case 0x80 -> in.skip(1); // PROTO
            case 0x81 -> { // NEWOBJ
                Object arguments = pop();
                push(new Call(pop(), items(arguments)));
            }
            case 0x82 -> pushExtension(in.number(1));
            case 0x83 -> pushExtension(in.number(2));
            case 0x84 -> pushExtension(in.number(4));
            case 0x85 -> push(new Tuple(Collections.singletonList(pop())));
            case 0x86 -> {
                Object second = pop();
                push(new Tuple(pair(pop(), second)));
            }
            case 0x87 -> {
                Object third = pop();
                List<Object> items = new ArrayList<>(3);
                Object second = pop();
                items.add(pop());
                items.add(second);
                items.add(third);
                push(new Tuple(items));
            }
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 0x8a -> push(in.signed(in.number(1)));
            case 0x8b -> push(in.signed(in.number(4)));
            case 0x8c -> push(in.text(in.number(1)));
            case 0x8d -> push(in.text(in.number(8)));
            case 0x8e, 0x96 -> pushBytes(in.number(8)); // BINBYTES8, BYTEARRAY8
            case 0x8f -> push(new Sequence()); // EMPTY_SET
            case 0x90 -> append(popMark()); // ADDITEMS
            case 0x91 -> pushSequence(popMark()); // FROZENSET
            case 0x92 -> { // NEWOBJ_EX
                pop();
                Object arguments = pop();
                push(new Call(pop(), items(arguments)));
            }
            case 0x93 -> { // STACK_GLOBAL
                Object name = pop();
                if (!(pop() instanceof String module) || !(name instanceof String attribute)) {
                    throw invalid("an import whose name is no text");
                }
                pushGlobal(module, attribute);
            }
            case 0x94 -> put(memo.size()); // MEMOIZE
            case 0x95 -> in.skip(8); // FRAME
            case 0x97 -> push(new Bytes(0)); // NEXT_BUFFER
            case 0x98 -> peek(); // READONLY_BUFFER
            default -> throw unknown(opcode);
        }
    }

    private void push(Object value) throws MalformedTensorFileException {
        count();
        stack.add(value);
    }

    private void count() throws MalformedTensorFileException {
        if (++values > MAX_VALUES) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, in.position(), "more than " + MAX_VALUES + " values in a pickle", "a model's");
        }
    }

    private void pushBytes(long length) throws EndOfInput, MalformedTensorFileException {
        in.skip(length);
        push(new Bytes(length));
    }

    private void pushPersistent(Object id) throws MalformedTensorFileException {
        Persistent persistent = new Persistent(id);
        persistents.add(persistent);
        push(persistent);
    }

    private void pushSequence(List<Object> items) throws MalformedTensorFileException {
        Sequence sequence = new Sequence();
        sequence.items.addAll(items);
        push(sequence);
    }

    private void pushGlobal(String module, String name) throws MalformedTensorFileException {
        push(global(module, name));
    }

    /** A name of the copyreg registry, which only the loading program has. */
    private void pushExtension(long code) throws MalformedTensorFileException {
        push(global("copyreg.extension", String.valueOf(code)));
    }

    private Global global(String module, String name) {
        Global global = new Global(module, name);
        imports.accept(global);
        return global;
    }

    private void mark() throws MalformedTensorFileException {
        marks.add(stack.size());
        push(MARK);
    }

    private Object peek() throws MalformedTensorFileException {
        if (stack.isEmpty() || stack.get(stack.size() - 1) == MARK) {
            throw invalid("a value taken where there is none");
        }
        return stack.get(stack.size() - 1);
    }

    private Object pop() throws MalformedTensorFileException {
        Object top = peek();
        stack.remove(stack.size() - 1);
        return top;
    }

    /** The values above the latest mark, which goes too. */
    private List<Object> popMark() throws MalformedTensorFileException {
        if (marks.isEmpty()) {
            throw invalid("a mark taken where there is none");
        }
        int mark = marks.remove(marks.size() - 1);
        List<Object> above = stack.subList(mark + 1, stack.size());
        List<Object> items = new ArrayList<>(above);
        stack.subList(mark, stack.size()).clear();
        return items;
    }

    private void append(List<Object> items) throws MalformedTensorFileException {
        if (peek() instanceof Sequence sequence) {
            sequence.items.addAll(items);
        }
    }

    private void set(List<Object> items) throws MalformedTensorFileException {
        if (items.size() % 2 != 0) {
            throw invalid("a key without a value");
        }
        if (peek() instanceof Keyed keyed) {
            keyed.items.addAll(items);
        }
    }

    /** Python numbers them one after the other. */
    private void put(long key) throws MalformedTensorFileException {
        count();
        if (key < 0 || key > values) {
            throw invalid("a memo with number " + key);
        }
        Object value = peek();
        while (memo.size() <= key) {
            memo.add(ABSENT);
        }
        memo.set((int) key, value);
    }

    private void get(long key) throws MalformedTensorFileException {
        Object value = key < 0 || key >= memo.size() ? ABSENT : memo.get((int) key);
        if (value == ABSENT) {
            throw invalid("value " + key + " of the memo, which was not put there");
        }
        push(value);
    }

    /** POP, which also takes a mark. */
    private void drop() throws MalformedTensorFileException {
        if (!stack.isEmpty() && stack.get(stack.size() - 1) == MARK) {
            popMark();
        } else {
            pop();
        }
    }

    private long index(String line) throws MalformedTensorFileException {
        return integer(line) instanceof Long index ? index : -1;
    }

    /** A whole number in digits, or a boolean; null when it does not fit 64 bits. */
    private Object integer(String line) throws MalformedTensorFileException {
        String digits = line.strip();
        if (digits.equals("00") || digits.equals("01")) {
            return digits.equals("01");
        }
        if (digits.endsWith("L")) {
            digits = digits.substring(0, digits.length() - 1);
        }
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            if (digits.matches("-?\\d+")) {
                return null;
            }
            throw invalid("'" + Printable.name(line) + "' for a number");
        }
    }

    private Double decimal(String line) throws MalformedTensorFileException {
        try {
            return Double.parseDouble(line.strip());
        } catch (NumberFormatException e) {
            throw invalid("'" + Printable.name(line) + "' for a number");
        }
    }

    private static String unquoted(String repr) {
        String text = repr.strip();
        return text.length() >= 2 ? text.substring(1, text.length() - 1) : text;
    }

    private static List<Object> items(Object arguments) {
        return arguments instanceof Tuple tuple ? tuple.items() : List.of();
    }

    private static List<Object> pair(Object first, Object second) {
        List<Object> items = new ArrayList<>(2); // None is null here, which List.of does not take
        items.add(first);
        items.add(second);
        return items;
    }

    private MalformedTensorFileException unknown(int opcode) {
        return invalid("byte 0x%02x".formatted(opcode));
    }

    private MalformedTensorFileException invalid(String found) {
        return new MalformedTensorFileException(INVALID_PICKLE, in.position(), found, "a pickle of protocols 0 to 5");
    }
}
