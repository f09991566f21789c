package io.doraxis.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import io.doraxis.audit.Column;
import io.doraxis.audit.ColumnType;
import io.doraxis.audit.ColumnType.ListOf;
import io.doraxis.audit.ColumnType.MapOf;
import io.doraxis.audit.ColumnType.StructOf;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Rows of the published tables as JSON objects. */
final class RowJson {
    private final JsonGenerator json;

    RowJson(JsonGenerator json) {
        this.json = json;
    }

    /** Writes the fields of an object that the caller opened. */
    <T> void fields(List<Column<T>> columns, T source) throws IOException {
        for (Column<T> column : columns) {
            json.writeFieldName(column.name());
            value(column.type(), column.value().apply(source));
        }
    }

    private void value(ColumnType type, Object value) throws IOException {
        if (value == null) {
            json.writeNull();
        } else if (type instanceof ListOf list) {
            json.writeStartArray();
            for (Object item : (List<?>) value) {
                value(list.element(), item);
            }
            json.writeEndArray();
        } else if (type instanceof MapOf map) {
            json.writeStartObject();
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                json.writeFieldName((String) entry.getKey());
                value(map.value(), entry.getValue());
            }
            json.writeEndObject();
        } else if (type instanceof StructOf struct) {
            json.writeStartObject();
            List<?> items = (List<?>) value;
            for (int i = 0; i < items.size(); i++) {
                json.writeFieldName(struct.fields().get(i).name());
                value(struct.fields().get(i).type(), items.get(i));
            }
            json.writeEndObject();
        } else {
            scalar(value);
        }
    }

    private void scalar(Object value) throws IOException {
        if (value instanceof Boolean flag) {
            json.writeBoolean(flag);
        } else if (value instanceof Integer number) {
            json.writeNumber(number);
        } else if (value instanceof Long number) {
            json.writeNumber(number);
        } else if (value instanceof Float number) {
            json.writeNumber(number);
        } else if (value instanceof Double number) {
            json.writeNumber(number);
        } else {
            json.writeString(value.toString());
        }
    }
}
