package io.doraxis.audit;

import java.util.List;

/** The types of the published tables' columns, free of any engine. */
public sealed interface ColumnType {
    /** A single value. */
    enum Scalar implements ColumnType {
        STRING,
        BOOLEAN,
        INT,
        LONG,
        FLOAT,
        DOUBLE,
        /** A {@code java.time.Instant}. */
        TIMESTAMP
    }

    /** A {@code java.util.List}. */
    record ListOf(ColumnType element) implements ColumnType {}

    /** A {@code java.util.Map} from strings. */
    record MapOf(ColumnType value) implements ColumnType {}

    /** A {@code java.util.List} of the fields' values, in their order. */
    record StructOf(List<Field> fields) implements ColumnType {}

    /** A named part of a struct. */
    record Field(String name, ColumnType type) {}
}
