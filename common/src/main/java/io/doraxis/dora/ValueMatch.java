package io.doraxis.dora;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Magnitudes against the norms of base models. A trained magnitude stays close to the norm that it was initialised
 * from: it tells the base model by its distance to all layers' norms, and the axis of a layer that fits both by which
 * norms it goes along with.
 *
 * @param base the model whose norms are nearest
 * @param distance root mean square of log(magnitude / norm) over the layers' values, on the nearer axis
 * @param runnerUp the next model; null where the atlas has one only
 * @param axes what the values say of each module; null where they say nothing
 */
public record ValueMatch(
        String base, double distance, String runnerUp, double runnerUpDistance, List<Correlation> axes) {
    /**
     * How a module's magnitude goes along with the norms of its weight.
     *
     * @param withRows correlation of log(magnitude) with log(row norms)
     * @param withColumns correlation of log(magnitude) with log(column norms)
     * @param count values
     */
    public record Correlation(double withRows, double withColumns, int count) {
        /** A smaller gap was not always right in trials on square layers. */
        private static final double GAP = 0.2;

        /** Standard errors of a correlation of so many values that chance may make up. */
        private static final double ERRORS = 4;

        /** The axis that the values speak for; AMBIGUOUS where both go along alike. */
        public ModuleAxis axis() {
            if (Math.abs(withRows - withColumns) <= Math.max(GAP, ERRORS / Math.sqrt(count))) {
                return ModuleAxis.AMBIGUOUS;
            }
            return withRows > withColumns ? ModuleAxis.OUTPUT : ModuleAxis.INPUT;
        }
    }

    /** Log distances above this are those of unrelated weights: nothing is then matched. */
    private static final double MOST_DISTANCE = 0.7;

    private static final int FEWEST_VALUES = 8;

    /**
     * Compares the magnitudes in reach with every model of the atlas.
     *
     * @param data of the magnitudes
     * @return empty where no magnitude is in reach, or none fits a weight of the atlas
     */
    public static Optional<ValueMatch> of(
            List<AdapterModule> modules, List<ModuleVerdict> verdicts, TensorData data, Atlas atlas) {
        List<float[]> magnitudes = new ArrayList<>(modules.size());
        boolean any = false;
        for (AdapterModule module : modules) {
            float[] magnitude = module.hasDora() ? values(module.magnitude().tensor(), data) : null;
            magnitudes.add(magnitude);
            any |= magnitude != null;
        }
        if (!any) {
            return Optional.empty();
        }
        List<Candidate> candidates = new ArrayList<>();
        for (Atlas.Base base : atlas.bases()) {
            Candidate candidate = new Candidate(base);
            for (int i = 0; i < modules.size(); i++) {
                candidate.add(modules.get(i), verdicts.get(i).axis(), magnitudes.get(i));
            }
            if (candidate.values > 0 && candidate.distance() < MOST_DISTANCE) {
                candidates.add(candidate);
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::distance));
        if (candidates.isEmpty()) {
            return Optional.empty();
        }
        Candidate best = candidates.get(0);
        Candidate next = candidates.size() > 1 ? candidates.get(1) : null;
        return Optional.of(new ValueMatch(
                best.base.uri(),
                best.distance(),
                next == null ? null : next.base.uri(),
                next == null ? Double.NaN : next.distance(),
                best.axes));
    }

    /**
     * A verdict with what the values add: an axis that the shapes leave open is LIKELY where all layers that speak agree;
     * one that they prove stays as it is, and gets evidence.
     */
    public CheckpointVerdict refine(CheckpointVerdict verdict) {
        int inputs = 0;
        int outputs = 0;
        double withRows = 0;
        double withColumns = 0;
        for (Correlation correlation : axes) {
            ModuleAxis axis = correlation == null ? ModuleAxis.AMBIGUOUS : correlation.axis();
            if (axis != ModuleAxis.AMBIGUOUS) {
                inputs += axis == ModuleAxis.INPUT ? 1 : 0;
                outputs += axis == ModuleAxis.OUTPUT ? 1 : 0;
                withRows += correlation.withRows;
                withColumns += correlation.withColumns;
            }
        }
        int speaking = inputs + outputs;
        if (speaking == 0) {
            return verdict;
        }
        boolean agree = inputs == 0 || outputs == 0;
        CheckpointAxis said = !agree ? verdict.axis() : inputs > 0 ? CheckpointAxis.INPUT : CheckpointAxis.OUTPUT;
        boolean decides = verdict.axis() == CheckpointAxis.AMBIGUOUS && agree;
        String detail = String.format(
                Locale.ROOT,
                "%s: correlation %.2f with row norms, %.2f with column norms of %s",
                agree ? said.name() : inputs + " INPUT and " + outputs + " OUTPUT",
                withRows / speaking,
                withColumns / speaking,
                base);
        return verdict.with(
                decides ? said : verdict.axis(),
                decides ? Confidence.LIKELY : verdict.confidence(),
                new Evidence(Evidence.Kind.VALUE_MATCH, speaking, detail));
    }

    /** As a column has it. */
    public String text() {
        String next = runnerUp == null
                ? "; the atlas has no other of its layers"
                : String.format(Locale.ROOT, "; next %s, %.4f", runnerUp, runnerUpDistance);
        return String.format(Locale.ROOT, "%s, distance %.4f", base, distance) + next;
    }

    private static float[] values(TensorInfo magnitude, TensorData data) {
        Optional<ByteBuffer> bytes = data.bytes(magnitude);
        long elements = magnitude.shape().elements();
        if (bytes.isEmpty() || !FloatDecoder.decodes(magnitude.dtype()) || elements < FEWEST_VALUES) {
            return null;
        }
        float[] values = new float[(int) elements];
        FloatDecoder.decode(
                magnitude.dtype(), bytes.get().duplicate().order(bytes.get().order()), values, values.length);
        return values;
    }

    /** One model of the atlas, held against all modules. */
    private static final class Candidate {
        private final Atlas.Base base;
        private final List<Correlation> axes = new ArrayList<>();
        private double squares;
        private long values;

        Candidate(Atlas.Base base) {
            this.base = base;
        }

        double distance() {
            return Math.sqrt(squares / values);
        }

        /** @param axis as the shapes prove it */
        void add(AdapterModule module, ModuleAxis axis, float[] magnitude) {
            WeightNorms norms = magnitude != null && base.names().resolve(module.name()) instanceof Found found
                    ? base.norms().get(found.weight().name())
                    : null;
            boolean open = axis == ModuleAxis.AMBIGUOUS;
            Fit rows = norms == null || axis == ModuleAxis.INPUT ? null : Fit.of(magnitude, norms.rows());
            Fit columns = norms == null || axis == ModuleAxis.OUTPUT ? null : Fit.of(magnitude, norms.columns());
            Fit nearer = rows == null ? columns : columns == null || rows.squares <= columns.squares ? rows : columns;
            if (nearer != null) {
                squares += nearer.squares;
                values += magnitude.length;
            }
            axes.add(
                    open && rows != null && columns != null
                            ? new Correlation(rows.correlation, columns.correlation, magnitude.length)
                            : null);
        }
    }

    /** A magnitude against one vector of norms of its length. */
    private record Fit(double squares, double correlation) {
        /** Null where the lengths differ or a logarithm does not exist. */
        static Fit of(float[] magnitude, float[] norms) {
            if (magnitude.length != norms.length) {
                return null;
            }
            double squares = 0;
            double sumM = 0;
            double sumN = 0;
            double sumMm = 0;
            double sumNn = 0;
            double sumMn = 0;
            for (int i = 0; i < norms.length; i++) {
                if (!(magnitude[i] > 0) || !(norms[i] > 0)) {
                    return null;
                }
                double m = Math.log(magnitude[i]);
                double n = Math.log(norms[i]);
                squares += (m - n) * (m - n);
                sumM += m;
                sumN += n;
                sumMm += m * m;
                sumNn += n * n;
                sumMn += m * n;
            }
            int count = norms.length;
            double spread = Math.sqrt((sumMm - sumM * sumM / count) * (sumNn - sumN * sumN / count));
            double correlation = spread > 0 ? (sumMn - sumM * sumN / count) / spread : 0;
            return new Fit(squares, Double.isFinite(correlation) ? correlation : 0);
        }
    }
}
