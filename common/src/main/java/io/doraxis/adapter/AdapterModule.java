package io.doraxis.adapter;

import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * One adapted layer, as its factors describe it.
 *
 * @param name as in the file: the flattened name, or the dotted path
 * @param algorithm null when the factors are incomplete
 * @param out rows of the weight: out features or channels; 0 when the tensors do not say
 * @param in columns of the weight, per group; 0 when the tensors do not say
 * @param flattened whether {@code in} may include the kernel, as in LoHa's and LoKr's flattened factors
 * @param kernel the convolution's kernel; a scalar shape where there is none
 * @param rank of the product; null where it has none or the file does not say
 * @param alpha as stored (for OFT and BOFT the constraint); null when it is absent or not read
 * @param scale factor on the raw product; null where unknown or meaningless
 * @param magnitude null without DoRA
 * @param notes where a value comes from, or why it is missing
 */
public record AdapterModule(
        String name,
        Algorithm algorithm,
        LayerKind layerKind,
        long out,
        long in,
        boolean flattened,
        Shape kernel,
        Integer rank,
        Double alpha,
        Double scale,
        Magnitude magnitude,
        ModuleTensors tensors,
        List<String> notes) {

    /** Whether its factors are all there. */
    public boolean isComplete() {
        return algorithm != null;
    }

    /** Its path in the base model, as PEFT's patterns see it. */
    public String peftPath() {
        return AdapterIndex.peftPath(name);
    }

    public boolean hasDora() {
        return magnitude != null;
    }

    /** The same with one more note. */
    public AdapterModule noted(String note) {
        List<String> more = new ArrayList<>(notes);
        more.add(note);
        return new AdapterModule(
                name, algorithm, layerKind, out, in, flattened, kernel, rank, alpha, scale, magnitude, tensors, more);
    }

    /** The same with dimensions that the factors alone leave open. */
    public AdapterModule unflattened(LayerKind kind, long columns, Shape itsKernel) {
        return new AdapterModule(
                name, algorithm, kind, out, columns, false, itsKernel, rank, alpha, scale, magnitude, tensors, notes);
    }
}
