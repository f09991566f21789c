package io.doraxis.audit;

import static io.doraxis.audit.ColumnType.Scalar.FLOAT;
import static io.doraxis.audit.ColumnType.Scalar.LONG;
import static io.doraxis.audit.ColumnType.Scalar.STRING;

import io.doraxis.audit.ColumnType.ListOf;
import io.doraxis.dora.WeightNorms;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** The {@code atlas} table: one row per weight of a base model. */
public final class AtlasColumns {
    /** The table's name. */
    public static final String NAME = "atlas";

    /**
     * The norms of one layer's weight.
     *
     * @param base the index of a sharded model, else its file
     */
    public record LayerNorms(String base, String module, Shape shape, Dtype dtype, WeightNorms norms)
            implements Serializable {}

    /** The columns in the table's order. */
    public static final List<Column<LayerNorms>> COLUMNS = List.of(
            new Column<>("base", STRING, "The model: the index of a sharded one, else its file.", LayerNorms::base),
            new Column<>("module", STRING, "The layer, by its name in the model.", LayerNorms::module),
            new Column<>(
                    "weight_shape",
                    new ListOf(LONG),
                    "Shape of its weight.",
                    layer -> ModuleColumns.dims(layer.shape())),
            new Column<>(
                    "dtype",
                    STRING,
                    "Type of its weight's elements.",
                    layer -> layer.dtype().name()),
            new Column<>(
                    "row_norms",
                    new ListOf(FLOAT),
                    "L2 norm of each output's weights: [out].",
                    layer -> list(layer.norms().rows())),
            new Column<>(
                    "col_norms",
                    new ListOf(FLOAT),
                    "L2 norm of each input's weights: [in].",
                    layer -> list(layer.norms().columns())));

    private AtlasColumns() {}

    private static List<Float> list(float[] values) {
        List<Float> list = new ArrayList<>(values.length);
        for (float value : values) {
            list.add(value);
        }
        return list;
    }
}
