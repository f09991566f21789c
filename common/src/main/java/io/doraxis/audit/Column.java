package io.doraxis.audit;

import java.util.function.Function;

/**
 * One column of a published table.
 *
 * @param description one sentence for the README's table
 * @param value its value in the row of a {@code T}; null where it has none
 */
public record Column<T>(String name, ColumnType type, String description, Function<T, Object> value) {}
