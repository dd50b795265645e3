"""Writes the golden tables of test/golden/tables with PyIceberg, and beside each what PyIceberg reads from it.

    python3 -m venv .cache/golden
    .cache/golden/bin/pip install 'pyiceberg[sql-sqlite]==0.12.0' pyarrow==26.0.1 pyiceberg-core==0.10.1
    .cache/golden/bin/python test/golden/make-golden.py

Metadata, manifest lists and manifests are kept, data files are not. Locations in them are those of the folder in which
the tables were made; the tests look files up by their names.
"""

import base64
import datetime as dt
import decimal
import json
import pathlib
import shutil
import tempfile
import uuid

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform, TruncateTransform
from pyiceberg.types import (
    BinaryType, BooleanType, DateType, DecimalType, DoubleType, FixedType, FloatType, IntegerType, ListType, LongType,
    MapType, NestedField, StringType, StructType, TimestampType, TimestamptzType, TimeType, UUIDType,
)

OUT = pathlib.Path(__file__).parent / "tables"
UTC = dt.timezone.utc


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        catalog = SqlCatalog("golden", uri="sqlite:///:memory:", warehouse=f"file://{folder}")
        catalog.create_namespace("silver")
        for name, make in (("partitioned", make_partitioned), ("evolved", make_evolved)):
            keep(name, make(catalog))


def make_partitioned(catalog):
    """Every primitive type that Parquet and PyIceberg write, nested types, four transforms, a delete and a tag."""
    point = StructType(NestedField(20, "x", DoubleType()), NestedField(21, "y", DoubleType()))
    schema = Schema(
        NestedField(1, "id", LongType(), required=True, doc="who"),
        NestedField(2, "at", TimestamptzType()),
        NestedField(3, "region", StringType()),
        NestedField(4, "flag", BooleanType()),
        NestedField(5, "small", IntegerType()),
        NestedField(6, "single", FloatType()),
        NestedField(7, "double", DoubleType()),
        NestedField(8, "price", DecimalType(9, 2)),
        NestedField(9, "wide", DecimalType(38, 10)),
        NestedField(10, "day", DateType()),
        NestedField(11, "clock", TimeType()),
        NestedField(12, "local", TimestampType()),
        NestedField(13, "key", UUIDType()),
        NestedField(14, "blob", BinaryType()),
        NestedField(15, "code", FixedType(4)),
        NestedField(16, "point", point),
        NestedField(17, "path", ListType(22, point_like(23), element_required=False)),
        NestedField(18, "tags", MapType(26, StringType(), 27, IntegerType(), value_required=False)),
        identifier_field_ids=[1],
    )
    spec = PartitionSpec(
        PartitionField(2, 1000, DayTransform(), "at_day"),
        PartitionField(1, 1001, BucketTransform(4), "id_bucket"),
        PartitionField(3, 1002, IdentityTransform(), "region"),
        PartitionField(8, 1003, TruncateTransform(100), "price_trunc"),
        PartitionField(10, 1004, MonthTransform(), "day_month"),
    )
    table = catalog.create_table("silver.partitioned", schema, partition_spec=spec, properties={"owner": "golden"})
    arrow = table.schema().as_arrow()
    table.append(pa.Table.from_pylist([row(1), row(2)], schema=arrow))
    table.append(pa.Table.from_pylist([row(3), {"id": 4}], schema=arrow))
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "before-delete").commit()
    table.delete("id = 2")
    return catalog.load_table("silver.partitioned")


def point_like(first_id):
    return StructType(NestedField(first_id, "x", DoubleType()), NestedField(first_id + 1, "y", DoubleType()))


def row(number):
    return {
        "id": number,
        "at": dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC) + dt.timedelta(days=number - 1),
        "region": ["e/u", "us ü", None][number % 3],
        "flag": number % 2 == 0,
        "small": -number,
        "single": number / 2,
        "double": -0.1 * number,
        "price": decimal.Decimal("-1.50") * number,
        "wide": decimal.Decimal("-9999999999999999999999999999.0123456789") + number,
        "day": dt.date(1969, 12, 30) + dt.timedelta(days=number),
        "clock": dt.time(23, 59, 59, number),
        "local": dt.datetime(2024, 2, 29, 12, 0, 0, number),
        "key": uuid.UUID(int=2**127 + number).bytes,
        "blob": bytes([255, number]) * 10,
        "code": bytes([0, 128, 255, number]),
        "point": {"x": 1.5, "y": None},
        "path": [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": None}],
        "tags": [("a", 1), ("b", None)],
    }


def make_evolved(catalog):
    """Rows before and after renames (a nested one, too), a widened partition source, a dropped column, two specs."""
    schema = Schema(
        NestedField(1, "id", IntegerType()),
        NestedField(2, "name", StringType()),
        NestedField(3, "home", StructType(NestedField(4, "city", StringType()), NestedField(5, "zip", StringType()))),
        NestedField(6, "gone", StringType()),
    )
    spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "id"))
    table = catalog.create_table("silver.evolved", schema, partition_spec=spec)
    rows = [{"id": 7, "name": "ä" * 20, "home": {"city": "Oslo", "zip": "1"}, "gone": "x"}]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    with table.update_schema() as update:
        update.rename_column("home.city", "town")
        update.rename_column("name", "title")
        update.update_column("id", LongType())
        update.delete_column("gone")
        update.add_column(("home", "street"), StringType())
        update.add_column("added", StringType())
    with table.update_spec() as update:
        update.add_field("title", TruncateTransform(2), "title_trunc")
    rows = [{"id": 2**40, "title": "bcd", "home": {"town": "Rome", "zip": "2", "street": "s"}, "added": "new"}]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, "audit").commit()
    return catalog.load_table("silver.evolved")


def keep(name, table):
    folder = OUT / name
    folder.mkdir(parents=True)
    copy(table.metadata_location, folder / "metadata.json")
    snapshots = []
    for snapshot in table.metadata.snapshots:
        copy(snapshot.manifest_list, folder / base(snapshot.manifest_list))
        manifests = snapshot.manifests(table.io)
        for manifest in manifests:
            copy(manifest.manifest_path, folder / base(manifest.manifest_path))
        snapshots.append(
            {
                "id": str(snapshot.snapshot_id),
                "operation": snapshot.summary.operation.value,
                "manifestList": base(snapshot.manifest_list),
                "manifests": [expected_manifest(table, manifest) for manifest in manifests],
            }
        )
    expected = {
        "schemas": [schema.model_dump_json(by_alias=True) for schema in table.metadata.schemas],
        "refs": {ref: str(value.snapshot_id) for ref, value in table.metadata.refs.items()},
        "snapshots": snapshots,
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def copy(location, target):
    shutil.copyfile(location.removeprefix("file://"), target)


def base(location):
    return location.rsplit("/", 1)[-1]


def expected_manifest(table, manifest):
    return {
        "file": base(manifest.manifest_path),
        "specId": manifest.partition_spec_id,
        "sequenceNumber": manifest.sequence_number,
        "addedSnapshotId": str(manifest.added_snapshot_id),
        "counts": [
            manifest.added_files_count, manifest.existing_files_count, manifest.deleted_files_count,
            manifest.added_rows_count, manifest.existing_rows_count, manifest.deleted_rows_count,
        ],
        "partitions": [
            [summary.contains_null, encoded(summary.lower_bound), encoded(summary.upper_bound)]
            for summary in manifest.partitions or []
        ],
        "entries": [expected_entry(entry) for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)],
    }


def expected_entry(entry):
    file = entry.data_file
    return {
        "status": entry.status.name.lower(),
        "snapshotId": str(entry.snapshot_id),
        "sequenceNumber": entry.sequence_number,
        "path": base(file.file_path),
        "records": file.record_count,
        "size": file.file_size_in_bytes,
        "partition": [printed(file.partition[index]) for index in range(len(file.partition))],
        "valueCounts": {str(key): value for key, value in sorted(file.value_counts.items())},
        "nullCounts": {str(key): value for key, value in sorted(file.null_value_counts.items())},
        "lower": {str(key): encoded(value) for key, value in sorted(file.lower_bounds.items())},
        "upper": {str(key): encoded(value) for key, value in sorted(file.upper_bounds.items())},
    }


def encoded(value):
    return None if value is None else base64.b64encode(value).decode()


def printed(value):
    if isinstance(value, decimal.Decimal):
        return str(int(value.scaleb(-value.as_tuple().exponent)))
    return None if value is None else str(value)


main()
