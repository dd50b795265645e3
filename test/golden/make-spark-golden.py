"""Writes the golden tables of test/golden/spark-tables with Spark, and beside each the rows that Spark reads from it.

    npm run test:interop            # installs Spark and Iceberg's runtime under .cache/interop
    .cache/interop/python/bin/python test/golden/make-spark-golden.py .cache/interop/jars/*.jar

All files that the snapshots of a table name are kept, and its newest metadata. Locations in them are absolute, below
the folder in which the tables were made; the tests read them through a FileIO that maps that folder.
"""

import datetime
import decimal
import json
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
}


def main(jar):
    with tempfile.TemporaryDirectory(prefix="spark-golden-") as folder:
        spark = start_spark(jar, folder)
        try:
            shutil.rmtree(OUT, ignore_errors=True)
            for name, statements in TABLES.items():
                for statement in statements:
                    spark.sql(statement)
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
    frame = spark.sql(f"SELECT * FROM {relation}")
    zoned = {field.name for field in frame.schema if isinstance(field.dataType, TimestampType)}
    rows = [[plain(row[name], name in zoned) for name in frame.columns] for row in frame.orderBy("id").collect()]
    return {"columns": frame.columns, "rows": rows}


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
    return value


main(sys.argv[1])
