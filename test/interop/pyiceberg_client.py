"""PyIceberg for the interop tests: answers each line of JSON on standard input with one on standard output.

A request is {"do": <name of a function below>, ...its arguments}; an answer {"result": ...} or {"error": <text>}.
"""

import datetime
import json
import os
import sys
import textwrap
import traceback
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyiceberg.partitioning
import pyiceberg.schema
import pyiceberg.transforms
import pyiceberg.types
from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestampType

TYPES = {"string": StringType, "long": LongType, "double": DoubleType, "timestamp": TimestampType}
catalog = None


def connect(url, properties):
    global catalog
    catalog = load_catalog("ingot", type="rest", uri=url, **properties)


def list_tables():
    found = []
    for namespace in catalog.list_namespaces():
        found += [list(identifier) for identifier in catalog.list_tables(namespace)]
    return found


def list_tables_in(namespace):
    return sorted(list(identifier) for identifier in catalog.list_tables(tuple(namespace)))


def open_table(table):
    """A list is a table's name in the catalog, text the location of a metadata file."""
    return StaticTable.from_metadata(table) if isinstance(table, str) else catalog.load_table(tuple(table))


def schema(table):
    return json.loads(open_table(table).schema().model_dump_json(by_alias=True))["fields"]


def facts(table, where=None, snapshot=None):
    """As test/interop/table-facts.ts describes them: the number of rows, then four texts for each column."""
    opened = open_table(table)
    scan = opened.scan(row_filter=where or AlwaysTrue(), snapshot_id=None if snapshot is None else int(snapshot))
    rows = scan.to_arrow()
    found = [str(rows.num_rows)]
    for name in rows.column_names:
        found += [None if fact is None else str(fact) for fact in column_facts(rows.column(name))]
    return found


def column_facts(column):
    kind = column.type
    count = len(column) - column.null_count
    if pa.types.is_nested(kind):
        return [count, None, None, None]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [count, None, None, total(pc.binary_length(column))]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [count, *limits(column), total(pc.utf8_length(column))]
    if pa.types.is_floating(kind):
        return [count, *limits(column), pc.sum(column).as_py()]
    numbers = numbers_of(column)
    return [count, *limits(numbers), total(numbers)]


def numbers_of(column):
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(kind) or pa.types.is_boolean(kind) else column


def limits(column):
    found = pc.min_max(column).as_py()
    return found["min"], found["max"]


def total(numbers):
    """Exact: a sum of 64-bit integers may need more bits."""
    exact = numbers if pa.types.is_decimal(numbers.type) else numbers.cast(pa.decimal128(38, 0))
    return pc.sum(exact).as_py()


def count(table):
    return open_table(table).scan().count()


def append(table, rows):
    opened = open_table(table)
    opened.append(arrow_rows(opened, rows))
    return str(opened.current_snapshot().snapshot_id)


def overwrite(table, where, rows):
    opened = open_table(table)
    opened.overwrite(arrow_rows(opened, rows), overwrite_filter=where)


def delete(table, where):
    open_table(table).delete(where)


def add_column(table, name, type):
    with open_table(table).update_schema() as update:
        update.add_column(name, TYPES[type]())


def create(table, columns):
    fields = [NestedField(index + 1, name, TYPES[type]()) for index, (name, type) in enumerate(columns)]
    catalog.create_table(tuple(table), Schema(*fields))


def rows(table):
    return json.loads(json.dumps(open_table(table).scan().to_arrow().to_pylist(), default=str))


def python(code):
    """Runs statements, which find the catalog, pyarrow and the names of PyIceberg; what they leave in `result` is the answer."""
    names = {"catalog": catalog, "pa": pa}
    for module in (pyiceberg.partitioning, pyiceberg.schema, pyiceberg.transforms, pyiceberg.types):
        names.update(vars(module))
    exec(textwrap.dedent(code), names)
    return json.loads(json.dumps(names.get("result"), default=str))


def arrow_rows(table, rows):
    arrow = table.schema().as_arrow()
    return pa.Table.from_pylist([{name: value_of(row[name], arrow.field(name).type) for name in row} for row in rows], arrow)


def value_of(value, kind):
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat(value)
    return Decimal(value) if pa.types.is_decimal(kind) else value


FUNCTIONS = {
    function.__name__: function
    for function in (
        connect, list_tables, list_tables_in, schema, facts, count, rows, append, overwrite, delete, add_column, create,
        python,
    )
}


def main():
    # Whatever a library prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": FUNCTIONS[request.pop("do")](**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


main()
