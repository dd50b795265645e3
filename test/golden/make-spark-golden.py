"""Writes the golden tables of test/golden/spark-tables with Spark, and beside each the rows that Spark reads from it.

    npm run test:interop            # installs Spark and Iceberg's runtime under .cache/interop
    .cache/interop/python/bin/python test/golden/make-spark-golden.py .cache/interop/jars/*.jar [table ...]

All files that the snapshots of a table name are kept, and its newest metadata. Locations in them are absolute, below
the folder in which the tables were made; the tests read them through a FileIO that maps that folder.
"""

import datetime
import decimal
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile
import time

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
os.environ["TZ"] = "UTC"
time.tzset()

from pyspark.sql import Row, SparkSession
from pyspark.sql.types import TimestampType

OUT = pathlib.Path(__file__).parent / "spark-tables"

MERGE_ON_READ = ", ".join(
    f"'write.{kind}.mode' = 'merge-on-read'" for kind in ("delete", "update", "merge")
)


def load_table(spark, name):
    return spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, name)


class EqualityDelete:
    """Deletes by the values of columns, which Spark does not write: by way of Iceberg's own library."""

    def __init__(self, columns, rows, partition=None):
        self.columns, self.rows, self.partition = columns, rows, partition

    def run(self, spark, name):
        jvm = spark._jvm
        iceberg = jvm.org.apache.iceberg
        spark.sql(f"REFRESH TABLE {name}")
        table = load_table(spark, name)
        schema = table.schema().select(self.columns)
        ids = spark.sparkContext._gateway.new_array(jvm.int, len(self.columns))
        for index, column in enumerate(self.columns):
            ids[index] = table.schema().findField(column).fieldId()
        partition = None
        if self.partition is not None:
            partition = iceberg.DataFiles.data(table.spec(), self.partition)
        path = f"{table.location()}/data/{self.partition or 'all'}/{len(self.rows)}-{ids[0]}-{time.time_ns()}-eq.parquet"
        builder = iceberg.data.GenericFileWriterFactory.Builder(table).deleteFileFormat(iceberg.FileFormat.PARQUET)
        factory = builder.equalityFieldIds(ids).equalityDeleteRowSchema(schema).build()
        output = iceberg.encryption.EncryptedFiles.encryptedOutput(table.io().newOutputFile(path), iceberg.encryption.EncryptionKeyMetadata.EMPTY)
        writer = factory.newEqualityDeleteWriter(output, table.spec(), partition)
        for row in self.rows:
            writer.write(record_of(iceberg, schema.asStruct(), row))
        writer.close()
        table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()
        spark.sql(f"REFRESH TABLE {name}")


def record_of(iceberg, struct, values):
    record = iceberg.data.GenericRecord.create(struct)
    for name, value in values.items():
        if isinstance(value, dict):
            value = record_of(iceberg, struct.fieldType(name).asStructType(), value)
        record.setField(name, value)
    return record


class AddColumns:
    """Adds columns with defaults, which Spark's SQL does not do for Iceberg: by way of Iceberg's own library."""

    def __init__(self, columns):
        self.columns = columns

    def run(self, spark, name):
        jvm = spark._jvm
        types = jvm.org.apache.iceberg.types.Types
        expressions = jvm.org.apache.iceberg.expressions
        spark.sql(f"REFRESH TABLE {name}")
        update = load_table(spark, name).updateSchema()
        for parent, column, type_name, value in self.columns:
            type_ = types.fromPrimitiveString(type_name)
            if isinstance(value, bytes):
                literal = expressions.Literal.of(jvm.java.nio.ByteBuffer.wrap(value))
            elif isinstance(value, decimal.Decimal):
                literal = expressions.Literal.of(jvm.java.math.BigDecimal(str(value)))
            elif type_name == "long":
                literal = expressions.Literal.of(jvm.java.lang.Long.valueOf(str(value))).to(type_)
            else:
                literal = expressions.Literal.of(value).to(type_)
            update = update.addColumn(parent, column, type_, None, literal) if parent else update.addColumn(column, type_, None, literal)
        update.commit()
        spark.sql(f"REFRESH TABLE {name}")


TABLES = {
    # Position deletes of two granularities, several on one file, and rows that come back under a deleted key.
    "deleted": [
        f"""CREATE TABLE golden.silver.deleted (id BIGINT, at TIMESTAMP, vehicle STRING, speed DOUBLE, odometer DECIMAL(12, 3))
            USING iceberg PARTITIONED BY (days(at)) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})""",
        """INSERT INTO golden.silver.deleted SELECT id, timestamp '2024-02-28 22:00:00.5' + make_interval(0, 0, 0, 0, id),
            concat('bus ', id % 3, if(id % 4 = 0, ' ü', '')), if(id % 5 = 0, null, id / 8), cast(id * 1.125 AS DECIMAL(12, 3))
            FROM range(0, 30)""",
        "DELETE FROM golden.silver.deleted WHERE id % 7 = 0",
        "ALTER TABLE golden.silver.deleted SET TBLPROPERTIES ('write.delete.granularity' = 'file')",
        """MERGE INTO golden.silver.deleted t USING (SELECT id, timestamp '2024-02-29 00:00:00' AS at FROM range(25, 33)) s
            ON t.id = s.id
            WHEN MATCHED AND t.id % 2 = 0 THEN DELETE
            WHEN MATCHED THEN UPDATE SET t.vehicle = 'merged'
            WHEN NOT MATCHED THEN INSERT (id, at, vehicle, speed, odometer) VALUES (s.id, s.at, 'new', 0.1, 0)""",
        "DELETE FROM golden.silver.deleted WHERE vehicle = 'bus 1' AND id < 20",
    ],
    # Columns that were renamed, added, dropped, widened, moved, and a name that came back with another meaning.
    "evolved": [
        f"""CREATE TABLE golden.silver.evolved (id INT, name STRING, home STRUCT<city: STRING, zip: STRING>,
            stops ARRAY<STRUCT<place: STRING, wait: INT>>, price DECIMAL(9, 2), ratio FLOAT, gone STRING)
            USING iceberg TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})""",
        """INSERT INTO golden.silver.evolved VALUES
            (1, 'one', named_struct('city', 'Oslo', 'zip', '0150'), array(named_struct('place', 'a', 'wait', 1)), 1.50, 0.5, 'x'),
            (2, null, null, array(), null, null, 'y')""",
        "ALTER TABLE golden.silver.evolved RENAME COLUMN home.city TO town",
        "ALTER TABLE golden.silver.evolved ADD COLUMN home.street STRING",
        "ALTER TABLE golden.silver.evolved RENAME COLUMN stops.element.place TO stop",
        "ALTER TABLE golden.silver.evolved ALTER COLUMN stops.element.wait TYPE BIGINT",
        "ALTER TABLE golden.silver.evolved RENAME COLUMN name TO title",
        "ALTER TABLE golden.silver.evolved ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE golden.silver.evolved ALTER COLUMN price TYPE DECIMAL(18, 2)",
        "ALTER TABLE golden.silver.evolved ALTER COLUMN ratio TYPE DOUBLE",
        "ALTER TABLE golden.silver.evolved DROP COLUMN gone",
        """INSERT INTO golden.silver.evolved VALUES (1099511627776, 'three', named_struct('town', 'Rome', 'zip', '00118', 'street', 'Via'),
            array(named_struct('stop', 'b', 'wait', 4294967296), null), 1234567890123456.78, 0.1)""",
        "ALTER TABLE golden.silver.evolved ADD COLUMN gone INT",
        "ALTER TABLE golden.silver.evolved ALTER COLUMN gone FIRST",
        "INSERT INTO golden.silver.evolved (id, gone) VALUES (4, 44), (5, 55)",
        "DELETE FROM golden.silver.evolved WHERE id IN (2, 4)",
    ],
    # Four partition specs, deletes across them, a copy-on-write rewrite, a tag.
    "repartitioned": [
        f"""CREATE TABLE golden.silver.repartitioned (id INT, region STRING, day DATE, note STRING)
            USING iceberg PARTITIONED BY (region) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})""",
        """INSERT INTO golden.silver.repartitioned VALUES (1, 'north', date '2023-12-31', 'a'), (2, 'south', date '2024-01-01', 'b'),
            (3, null, null, null)""",
        "ALTER TABLE golden.silver.repartitioned ADD PARTITION FIELD months(day)",
        """INSERT INTO golden.silver.repartitioned VALUES (4, 'north', date '1969-12-31', ''), (5, 'north', date '2024-02-29', 'd')""",
        "ALTER TABLE golden.silver.repartitioned DROP PARTITION FIELD region",
        "ALTER TABLE golden.silver.repartitioned ADD PARTITION FIELD truncate(2, note)",
        """INSERT INTO golden.silver.repartitioned VALUES (6, 'south', date '2024-02-01', 'noted'), (7, 'south', date '2024-02-02', 'not')""",
        "DELETE FROM golden.silver.repartitioned WHERE id IN (1, 5, 7)",
        "ALTER TABLE golden.silver.repartitioned CREATE TAG before_rewrite",
        "ALTER TABLE golden.silver.repartitioned SET TBLPROPERTIES ('write.update.mode' = 'copy-on-write')",
        "UPDATE golden.silver.repartitioned SET note = 'rewritten' WHERE id IN (2, 3)",
    ],
    # Format version 3: deletion vectors that replace one another, row ids through rewrites by a delete and by compaction.
    "vectors": [
        f"""CREATE TABLE golden.silver.vectors (id INT, region STRING, note STRING)
            USING iceberg PARTITIONED BY (region) TBLPROPERTIES ('format-version' = '3', {MERGE_ON_READ})""",
        """INSERT INTO golden.silver.vectors SELECT id, if(id % 3 = 0, null, concat('region ', id % 3)), concat('note ', id)
            FROM range(0, 40)""",
        "DELETE FROM golden.silver.vectors WHERE id % 7 = 0",
        "INSERT INTO golden.silver.vectors SELECT id, 'region 1', 'later' FROM range(40, 45)",
        """MERGE INTO golden.silver.vectors t USING (SELECT id FROM range(38, 48)) s ON t.id = s.id
            WHEN MATCHED AND t.id = 41 THEN DELETE
            WHEN MATCHED THEN UPDATE SET t.note = 'merged'
            WHEN NOT MATCHED THEN INSERT (id, region, note) VALUES (s.id, 'region 2', 'new')""",
        "DELETE FROM golden.silver.vectors WHERE id BETWEEN 8 AND 20",
        "ALTER TABLE golden.silver.vectors SET TBLPROPERTIES ('write.delete.mode' = 'copy-on-write')",
        "DELETE FROM golden.silver.vectors WHERE id IN (1, 22)",
        """CALL golden.system.rewrite_data_files(table => 'silver.vectors', where => 'region = "region 1"',
            options => map('rewrite-all', 'true'))""",
    ],
    # Version 2 with position deletes, upgraded: vectors take them over, older snapshots have no row ids.
    "upgraded": [
        f"""CREATE TABLE golden.silver.upgraded (id INT, note STRING)
            USING iceberg TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})""",
        "INSERT INTO golden.silver.upgraded SELECT id, concat('note ', id) FROM range(0, 20)",
        "DELETE FROM golden.silver.upgraded WHERE id IN (2, 3, 5)",
        "INSERT INTO golden.silver.upgraded SELECT id, 'second' FROM range(20, 30)",
        "ALTER TABLE golden.silver.upgraded SET TBLPROPERTIES ('format-version' = '3')",
        "DELETE FROM golden.silver.upgraded WHERE id IN (7, 21)",
        "UPDATE golden.silver.upgraded SET note = 'updated' WHERE id = 11",
    ],
    # Equality deletes by several sets of columns, of nulls, zeros and NaN, inside a struct, of partitions and of all, across specs,
    # and of a column that is dropped later.
    "keyed": [
        """CREATE TABLE golden.silver.keyed (id INT, region STRING, gone STRING, ratio DOUBLE, home STRUCT<zip: INT, town: STRING>)
            USING iceberg PARTITIONED BY (region) TBLPROPERTIES ('format-version' = '2')""",
        """INSERT INTO golden.silver.keyed SELECT id, if(id % 4 = 3, null, concat('region ', id % 4)), if(id % 5 = 0, null, concat('g', id % 5)),
            CASE id % 6 WHEN 0 THEN 0.0D WHEN 1 THEN -0.0D WHEN 2 THEN double('NaN') WHEN 3 THEN null ELSE id / 8 END,
            if(id % 10 = 9, null, named_struct('zip', if(id % 10 = 8, null, 1000 + id), 'town', 'Oslo')) FROM range(0, 60)""",
        EqualityDelete(["id"], [{"id": 4}, {"id": 5}, {"id": 8}], "region=region 0"),
        EqualityDelete(["id"], [{"id": 3}, {"id": 8}], "region=__HIVE_DEFAULT_PARTITION__"),
        "INSERT INTO golden.silver.keyed VALUES (4, 'region 0', 'back', 1.5, named_struct('zip', 4, 'town', null))",
        EqualityDelete(["gone", "id"], [{"id": 10, "gone": None}, {"id": 13, "gone": "g3"}, {"id": 14, "gone": "g3"}], "region=region 2"),
        "ALTER TABLE golden.silver.keyed DROP PARTITION FIELD region",
        # Apart: Spark leaves a delete file out where the bounds of its numbers lie outside of a data file's, whatever NaN it has.
        EqualityDelete(["ratio"], [{"ratio": -0.0}]),
        EqualityDelete(["ratio"], [{"ratio": float("nan")}]),
        EqualityDelete(["home.zip"], [{"home": {"zip": 1033}}, {"home": {"zip": 1034}}]),
        "INSERT INTO golden.silver.keyed SELECT id, 'region 9', 'g1', -0.0D, named_struct('zip', 1033, 'town', 'Bergen') FROM range(60, 63)",
        EqualityDelete(["gone"], [{"gone": "g4"}]),
        "ALTER TABLE golden.silver.keyed DROP COLUMN gone",
        "ALTER TABLE golden.silver.keyed RENAME COLUMN home.zip TO code",
        EqualityDelete(["home.code"], [{"home": {"code": None}}]),
        "INSERT INTO golden.silver.keyed VALUES (70, null, null, null)",
    ],
    # Columns with defaults, of every type that has one, in structs too; rows older and younger than they are. Spark's vectorized reader
    # fails on defaults of strings.
    "defaulted": [
        """CREATE TABLE golden.silver.defaulted (id INT, home STRUCT<town: STRING>, stops ARRAY<STRUCT<place: STRING>>)
            USING iceberg TBLPROPERTIES ('format-version' = '3', 'read.parquet.vectorization.enabled' = 'false')""",
        "INSERT INTO golden.silver.defaulted VALUES (1, named_struct('town', 'Oslo'), array(named_struct('place', 'a'))), (2, null, null)",
        AddColumns(
            [
                (None, "flag", "boolean", True),
                (None, "number", "int", -7),
                (None, "big", "long", 2**40),
                (None, "ratio", "float", 0.5),
                (None, "precise", "double", 0.1),
                (None, "price", "decimal(9, 2)", decimal.Decimal("-14.20")),
                (None, "day", "date", "2024-02-29"),
                (None, "at", "timestamp", "2024-02-29T23:59:59.123456"),
                (None, "at_zone", "timestamptz", "2024-02-29T23:59:59.123456+00:00"),
                (None, "note", "string", "it's, {quoted: \"ü\"}"),
                (None, "bytes", "binary", b"\x00\x7f\xff'"),
                ("home", "zip", "int", 150),
                ("stops.element", "wait", "long", 5),
            ]
        ),
        """INSERT INTO golden.silver.defaulted VALUES (3, named_struct('town', 'Rome', 'zip', null), array(named_struct('place', 'b', 'wait', null)),
            null, null, null, null, null, null, null, null, null, null, null)""",
        "ALTER TABLE golden.silver.defaulted RENAME COLUMN home.zip TO code",
        """INSERT INTO golden.silver.defaulted VALUES (4, named_struct('town', 'Rom', 'code', 118), array(),
            false, 1, 2, 3, 4, 5, date '2020-01-01', timestamp_ntz '2020-01-01', timestamp '2020-01-01', 'n', X'01')""",
    ],
    # Format version 1: a partition field that became void.
    "first_version": [
        """CREATE TABLE golden.silver.first_version (id INT, region STRING, note STRING)
            USING iceberg PARTITIONED BY (region, truncate(1, note)) TBLPROPERTIES ('format-version' = '1')""",
        "INSERT INTO golden.silver.first_version VALUES (1, 'north', 'a'), (2, 'south', 'b'), (3, null, null)",
        "ALTER TABLE golden.silver.first_version DROP PARTITION FIELD region",
        "INSERT INTO golden.silver.first_version VALUES (4, 'north', 'd'), (5, 'west', null)",
        "DELETE FROM golden.silver.first_version WHERE id = 2",
    ],
}


def main(jar, names):
    with tempfile.TemporaryDirectory(prefix="spark-golden-") as folder:
        spark = start_spark(jar, folder)
        try:
            for name in names or TABLES:
                shutil.rmtree(OUT / name, ignore_errors=True)
                for step in TABLES[name]:
                    if isinstance(step, str):
                        spark.sql(step)
                    else:
                        step.run(spark, f"golden.silver.{name}")
                keep(spark, name, pathlib.Path(folder) / "silver" / name)
        finally:
            spark.stop()


def start_spark(jar, folder):
    return (
        SparkSession.builder.master("local[1]")
        .config("spark.jars", jar)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.golden", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.golden.type", "hadoop")
        .config("spark.sql.catalog.golden.warehouse", f"file://{folder}")
        .getOrCreate()
    )


def keep(spark, name, made):
    folder = OUT / name
    table = f"golden.silver.{name}"
    version = (made / "metadata" / "version-hint.text").read_text().strip()
    metadata = made / "metadata" / f"v{version}.metadata.json"
    paths = [snapshot.manifest_list for snapshot in spark.sql(f"SELECT manifest_list FROM {table}.snapshots").collect()]
    paths += [row.path for row in spark.sql(f"SELECT path FROM {table}.all_manifests").collect()]
    paths += [row.file_path for row in spark.sql(f"SELECT file_path FROM {table}.all_files").collect()]
    for path in set(paths):
        source = pathlib.Path("/" + path.removeprefix("file:").lstrip("/"))
        copy(source, folder / source.relative_to(made))
    copy(metadata, folder / "metadata.json")
    snapshots = [
        {"id": str(row.snapshot_id), "operation": row.operation, **rows_of(spark, f"{table} VERSION AS OF {row.snapshot_id}")}
        for row in spark.sql(f"SELECT snapshot_id, operation FROM {table}.snapshots ORDER BY committed_at").collect()
    ]
    current = rows_of(spark, table)
    (folder / "expected.json").write_text(lines_of({"current": current, "snapshots": snapshots}) + "\n")


def lines_of(expected):
    """JSON with a line for each row."""
    text = json.dumps(expected, ensure_ascii=False)
    return text.replace('[[', '[\n[').replace('], [', '],\n[').replace('{"id"', '\n{"id"')


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def rows_of(spark, relation):
    lineage = ", _row_id, _last_updated_sequence_number" if has_row_ids(spark, relation) else ""
    frame = spark.sql(f"SELECT *{lineage} FROM {relation}")
    zoned = {field.name for field in frame.schema if isinstance(field.dataType, TimestampType)}
    rows = [[plain(row[name], name in zoned) for name in frame.columns] for row in frame.orderBy("id").collect()]
    return {"columns": frame.columns, "rows": rows}


def has_row_ids(spark, relation):
    table = load_table(spark, relation.split(" ")[0])
    return spark._jvm.org.apache.iceberg.TableUtil.formatVersion(table) >= 3


def plain(value, is_zoned=False):
    """As the tests print what the engine reads: a bigint is a number, decimals and times are text."""
    if isinstance(value, Row):
        return {name: plain(inner) for name, inner in value.asDict().items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        text = str(value)
        return (text.rstrip("0") if "." in text else text) + ("+00" if is_zoned else "")
    if isinstance(value, (decimal.Decimal, datetime.date)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


main(sys.argv[1], sys.argv[2:])
