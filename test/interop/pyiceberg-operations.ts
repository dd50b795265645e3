import assert from 'node:assert/strict'
import { currentSchema } from '../../src/format/schema.ts'
import {
  A,
  ADDED,
  assertColumns,
  assertReadsAllTables,
  assertRows,
  assertSorted,
  assertTakenBack,
  assertTakenUp,
  assertTyped,
  B,
  C,
  createBelowUmlauts,
  FILTERS,
  inOneTransaction,
  metadataOf,
  partitioningOf,
  snapshotsOf,
  TYPED,
  totalOf,
} from './operation-checks.ts'
import { type Lab, lacks, type Operations, refuses, works } from './operations.ts'

const SCHEMA = `
from datetime import date, datetime, time, timezone
schema = Schema(
    NestedField(1, "id", IntegerType()), NestedField(2, "name", StringType()), NestedField(3, "at", TimestampType()))
spec = PartitionSpec(
    PartitionField(3, 1000, MonthTransform(), "at_month"), PartitionField(1, 1001, BucketTransform(4), "id_bucket"))
A = {"id": 1, "name": "a", "at": datetime(2026, 1, 1)}
B = {"id": 2, "name": "b", "at": datetime(2026, 2, 1)}
C = {"id": 3, "name": None, "at": None}
def arrow(table, *rows):
    return pa.Table.from_pylist(list(rows), schema=table.schema().as_arrow())
`

/** Runs statements after those that make names for them; `table` is the operation's own. */
async function python({ engine, its }: Lab, statements: string): Promise<unknown> {
  const load = `table = catalog.load_table("${its}") if catalog.table_exists("${its}") else None\n`
  return (await engine.run(SCHEMA + load + statements))[0]
}

const CREATE = 'table = catalog.create_table(NAME, schema, partition_spec=spec)\n'

/** A table with the rows A, B and C, then these statements. */
async function filled(lab: Lab, statements = ''): Promise<unknown> {
  await python(lab, `${CREATE.replace('NAME', `"${lab.its}"`)}table.append(arrow(table, A, B, C))`)
  return await python(lab, statements)
}

/** A view; `NAME` is for its name. */
const VIEW = `
from pyiceberg.view.metadata import SQLViewRepresentation, ViewVersion
sql = SQLViewRepresentation(type="sql", sql="SELECT 1 AS id", dialect="spark")
version = ViewVersion(
    version_id=1, schema_id=1, timestamp_ms=1, summary={}, representations=[sql], default_namespace=["lab"])
view = tuple("NAME".split("."))
catalog.create_view(view, Schema(NestedField(1, "id", IntegerType())), version)`

/** What PyIceberg makes of each operation; its statements are Python. */
export const PYICEBERG_OPERATIONS: Operations = {
  'reads bronze, silver, gold, quarantine and system tables': works(assertReadsAllTables),
  'filters by partitions, texts, times, decimals and nulls': works(async lab => {
    for (const where of FILTERS) {
      const filter = where.replaceAll(/TIMESTAMP '(\S+) (\S+)'/g, "'$1T$2'")
      const count = `result = catalog.load_table("silver.readings").scan(row_filter="""${filter}""").count()`
      const expected = await lab.rows(`SELECT count(*)::INTEGER FROM silver.readings WHERE ${where}`)
      assert.equal(await python(lab, count), expected[0]?.[0], where)
    }
  }),
  'reads a snapshot by its id': works(async lab => {
    await filled(lab, 'table.delete("id = 2")')
    const [first] = await snapshotsOf(lab)
    assert.equal(await python(lab, `result = table.scan(snapshot_id=${first?.id}).count()`), 3)
    await assertRows(lab, [A, B, C], first?.id)
  }),
  'reads a table as of a time': works(async lab => {
    await filled(lab, 'table.delete("id = 2")')
    const [first] = await snapshotsOf(lab)
    const found = `table.snapshot_as_of_timestamp(${first?.timeMs}).snapshot_id`
    assert.equal(await python(lab, `result = table.scan(snapshot_id=${found}).count()`), 3)
  }),
  'lists snapshots and files': works(async lab => {
    await filled(lab)
    assert.deepEqual(
      await python(lab, 'result = [table.inspect.snapshots().num_rows, table.inspect.files().num_rows]'),
      [1, 3],
    )
  }),
  'appends to bronze, and a run takes the rows up': works(async lab => {
    const { vehicle, at, speed, odometer } = ADDED
    await python(
      lab,
      `
from decimal import Decimal
readings = catalog.load_table("bronze.readings")
readings.append(arrow(readings, {
    "vehicle": "${vehicle}", "measured_at": datetime.fromisoformat("${at}"), "speed_kmh": ${speed},
    "odometer_km": Decimal("${odometer}"), "_ingested_at": datetime(2030, 1, 1, tzinfo=timezone.utc)}))`,
    )
    await assertTakenUp(lab)
  }),
  'deletes in bronze, and a run takes the rows back': works(async lab => {
    await python(lab, `catalog.load_table("bronze.readings").delete("vehicle = 'truck-1'")`)
    await assertTakenBack(lab)
  }),
  'makes, lists and drops nested namespaces': works(async lab => {
    const listed = await python(
      lab,
      `
for name in ["outer", "outer.inner"]: catalog.create_namespace(name, {"owner": "py"})
result = [catalog.list_namespaces("outer"), catalog.load_namespace_properties("outer.inner")["owner"]]
for name in ["outer.inner", "outer"]: catalog.drop_namespace(name)`,
    )
    assert.deepEqual(listed, [[['outer', 'inner']], 'py'])
  }),
  'creates a partitioned table and appends to it': works(async lab => {
    await filled(lab)
    assert.deepEqual(await partitioningOf(lab), ['month', 'bucket[4]'])
    await assertRows(lab, [A, B, C])
  }),
  'creates a table with its rows, in one commit': works(async lab => {
    await python(
      lab,
      `
with catalog.create_table_transaction("${lab.its}", schema) as transaction:
    transaction.append(pa.Table.from_pylist([A, B], schema=schema.as_arrow()))`,
    )
    await assertRows(lab, [A, B])
  }),
  'replaces a table': lacks(/'RestCatalog' object has no attribute 'replace_table'/, async lab => {
    await filled(lab, `catalog.replace_table("${lab.its}", schema)`)
  }),
  'renames a table': works(async lab => {
    await filled(lab, `catalog.rename_table("${lab.its}", "${lab.its}_renamed")`)
    await assertRows({ ...lab, table: `${lab.table}_renamed` }, [A, B, C])
  }),
  'drops a table': works(async lab => {
    await filled(lab, `catalog.drop_table("${lab.its}")`)
    await assert.rejects(lab.lake.load(lab.table), { code: 'TABLE_NOT_FOUND' })
  }),
  'registers a table by its metadata file': works(async lab => {
    await filled(
      lab,
      `location = table.metadata_location\ncatalog.drop_table("${lab.its}")\nresult = location`,
    ).then(location => python(lab, `catalog.register_table("${lab.its}", "${location}")`))
    await assertRows(lab, [A, B, C])
  }),
  'sets and removes table properties': works(async lab => {
    await filled(
      lab,
      `
with table.transaction() as transaction: transaction.set_properties(owner="py", team="x")
with table.transaction() as transaction: transaction.remove_properties("team")`,
    )
    const { properties } = await metadataOf(lab)
    assert.deepEqual([properties.owner, properties.team], ['py', undefined])
  }),
  'writes columns of every type that it has': works(async lab => {
    await python(
      lab,
      `
import uuid
from decimal import Decimal
types = [BooleanType(), IntegerType(), LongType(), FloatType(), DoubleType(), DecimalType(20, 4), DateType(), TimeType(),
    TimestampType(), TimestamptzType(), StringType(), UUIDType(), BinaryType(),
    ListType(100, IntegerType(), element_required=False),
    MapType(101, StringType(), 102, LongType(), value_required=False),
    StructType(NestedField(103, "x", IntegerType()), NestedField(104, "y", StringType())), FixedType(3)]
table = catalog.create_table("${lab.its}", Schema(*(NestedField(i + 1, f"c{i}", t) for i, t in enumerate(types))))
values = [True, -5, 2**62, 1.5, 0.1, Decimal("-1234567890123456.7891"), date(1969, 12, 31), time(1, 2, 3, 4),
    datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(2026, 1, 1, tzinfo=timezone.utc), "snow ü 🚀",
    uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e").bytes, b"\\x00\\xff", [1, None], [("k", 2**60)],
    {"x": 1, "y": None}, b"abc"]
table.append(arrow(table, {f"c{i}": v for i, v in enumerate(values)}, {}))`,
    )
    await assertTyped(lab, [...TYPED, Buffer.from('abc')])
  }),
  'writes hostile names of tables and columns': works(async lab => {
    const name = `it's "quoted", ünd 🚀`
    await python(
      lab,
      `
name = ${JSON.stringify(name)}
table = catalog.create_table(("lab", name), Schema(NestedField(1, name, IntegerType()), NestedField(2, "select", IntegerType())))
table.append(arrow(table, {name: 1, "select": 2}))`,
    )
    const quoted = `"${name.replaceAll('"', '""')}"`
    assert.deepEqual(await lab.rows(`SELECT ${quoted}, "select" FROM lab.${quoted}`), [[1, 2]])
  }),
  'deletes rows where the path of the files is not ASCII': works(async lab => {
    await createBelowUmlauts(lab)
    await python(lab, 'table.append(arrow(table, {"id": 1}, {"id": 2}))\ntable.delete("id = 2")')
    await assertRows(lab, [[1]])
  }),
  'overwrites rows by a filter': works(async lab => {
    await filled(lab, 'table.overwrite(arrow(table, {**B, "name": "new"}), overwrite_filter="id = 2")')
    await assertRows(lab, [A, [2, 'new', B[2]], C])
  }),
  'overwrites the partitions of the new rows': works(async lab => {
    await python(
      lab,
      `
by_name = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "name"))
table = catalog.create_table("${lab.its}", schema, partition_spec=by_name)
table.append(arrow(table, A, B, C))
table.dynamic_partition_overwrite(arrow(table, {**B, "id": 20}))`,
    )
    await assertRows(lab, [A, C, [20, 'b', B[2]]])
  }),
  'updates rows': lacks(/'Table' object has no attribute 'update'/, async lab => {
    await filled(lab, 'table.update({"name": "x"}, "id = 1")')
  }),
  'deletes rows by rewriting files': works(async lab => {
    await python(
      lab,
      `table = catalog.create_table("${lab.its}", schema)\ntable.append(arrow(table, A, B, C))\ntable.delete("id = 2")`,
    )
    assert.equal(await totalOf(lab, 'total-delete-files'), '0')
    await assertRows(lab, [A, C])
  }),
  'deletes rows by position deletes (v2)': refuses(
    /Merge on read is not yet supported, falling back to copy-on-write/,
    async lab => {
      await filled(
        lab,
        `
import warnings
warnings.simplefilter("error")
with table.transaction() as transaction: transaction.set_properties({"write.delete.mode": "merge-on-read"})
table.delete("id = 2")`,
      )
    },
  ),
  'deletes rows by deletion vectors (v3)': refuses(
    /Cannot write manifest for table version: 3/,
    async lab => {
      await python(
        lab,
        `table = catalog.create_table("${lab.its}", schema, properties={"format-version": "3"})\ntable.append(arrow(table, A))`,
      )
    },
  ),
  'merges rows by a key': works(async lab => {
    const merged = await filled(
      lab,
      `
rows = arrow(table, {**A, "name": "merged"}, {**B, "id": 4})
outcome = table.upsert(rows, join_cols=["id"])
result = [outcome.rows_updated, outcome.rows_inserted]`,
    )
    assert.deepEqual(merged, [1, 1])
    await assertRows(lab, [[1, 'merged', A[2]], B, C, [4, 'b', B[2]]])
  }),
  'commits several changes of a table at once': works(async lab => {
    await filled(lab)
    await inOneTransaction(lab, () =>
      python(
        lab,
        `
with table.transaction() as transaction:
    with transaction.update_schema() as update: update.add_column("more", DoubleType())
    transaction.set_properties(owner="py")
    transaction.delete("id = 1")
    transaction.append(arrow(table, {**C, "id": 5}))`,
      ),
    )
    await assertRows(lab, [
      [...B, null],
      [...C, null],
      [5, null, null, null],
    ])
  }),
  'commits changes of several tables at once': lacks(
    /'RestCatalog' object has no attribute 'commit_transaction'/,
    async lab => {
      await python(lab, 'catalog.commit_transaction([])')
    },
  ),
  'adds, renames and drops columns': works(async lab => {
    await python(
      lab,
      `
table = catalog.create_table("${lab.its}", schema)
table.append(arrow(table, A, B))
with table.update_schema() as update:
    update.add_column("more", DoubleType())
    update.rename_column("name", "title")
with table.update_schema(allow_incompatible_changes=True) as update: update.delete_column("at")
table.append(arrow(table, {"id": 3, "title": "d", "more": 0.5}))`,
    )
    await assertColumns(lab, { id: 'int', title: 'string', more: 'double' })
    await assertRows(lab, [
      [1, 'a', null],
      [2, 'b', null],
      [3, 'd', 0.5],
    ])
  }),
  'moves columns': works(async lab => {
    await filled(lab, 'with table.update_schema() as update: update.move_first("at")')
    await assertColumns(lab, { at: 'timestamp', id: 'int', name: 'string' })
  }),
  'widens a column': works(async lab => {
    await filled(
      lab,
      `
with table.update_schema() as update: update.update_column("id", LongType())
table.append(arrow(table, {**C, "id": 2**40}))`,
    )
    await assertRows(lab, [
      ['1', ...A.slice(1)],
      ['2', ...B.slice(1)],
      ['3', null, null],
      [String(2 ** 40), null, null],
    ])
  }),
  'adds and renames fields of a struct': works(async lab => {
    await python(
      lab,
      `
inner = StructType(NestedField(2, "x", IntegerType()))
table = catalog.create_table("${lab.its}", Schema(NestedField(1, "id", IntegerType()), NestedField(3, "s", inner)))
table.append(arrow(table, {"id": 1, "s": {"x": 7}}))
with table.update_schema() as update:
    update.add_column(("s", "y"), StringType())
    update.rename_column(("s", "x"), "z")
table.append(arrow(table, {"id": 2, "s": {"z": 8, "y": "new"}}))`,
    )
    await assertRows(lab, [
      [1, { z: 7, y: null }],
      [2, { z: 8, y: 'new' }],
    ])
  }),
  'adds a column with a default (v3)': works(async lab => {
    await python(
      lab,
      `
table = catalog.create_table("${lab.its}", schema, properties={"format-version": "3"})
with table.update_schema() as update: update.add_column("more", IntegerType(), default_value=5)`,
    )
    const metadata = await metadataOf(lab)
    const added = currentSchema(metadata).fields.at(-1)
    assert.deepEqual([metadata['format-version'], added?.name, added?.['initial-default']], [3, 'more', 5])
  }),
  'changes the partition spec, and writes by it': works(async lab => {
    await filled(
      lab,
      `
with table.update_spec() as update:
    update.remove_field("id_bucket")
    update.add_field("name", TruncateTransform(1), "name_start")
table.append(arrow(table, {**B, "id": 4, "name": "xyz"}))`,
    )
    assert.deepEqual(await partitioningOf(lab), ['month', 'truncate[1]'])
    await assertRows(lab, [A, B, C, [4, 'xyz', B[2]]])
  }),
  'sets the sort order': works(async lab => {
    await filled(
      lab,
      `
from pyiceberg.table.sorting import NullOrder
with table.update_sort_order() as update: update.desc("id", IdentityTransform(), NullOrder.NULLS_LAST)`,
    )
    await assertSorted(lab)
  }),
  'writes to a branch, and fast-forwards main to it': works(async lab => {
    await filled(
      lab,
      `
table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, "audit").commit()
table.append(arrow(table, {**C, "id": 4}), branch="audit")`,
    )
    await assertRows(lab, [A, B, C])
    await assertRows(lab, [A, B, C, [4, null, null]], 'audit')
    await python(lab, 'table.manage_snapshots().set_current_snapshot(ref_name="audit").commit()')
    await assertRows(lab, [A, B, C, [4, null, null]])
  }),
  'tags a snapshot, and reads it by the tag': works(async lab => {
    await filled(
      lab,
      `
table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "before").commit()
table.delete("id = 2")`,
    )
    assert.equal(await python(lab, 'result = table.scan().use_ref("before").count()'), 3)
    await assertRows(lab, [A, B, C], 'before')
    await python(lab, 'table.manage_snapshots().remove_tag("before").commit()')
    await assertRows(lab, [A, C])
  }),
  'rolls back to a snapshot': works(async lab => {
    await filled(lab, 'table.delete("id = 2")')
    const [first] = await snapshotsOf(lab)
    await python(lab, `table.manage_snapshots().rollback_to_snapshot(${first?.id}).commit()`)
    await assertRows(lab, [A, B, C])
  }),
  'cherry-picks a staged snapshot': lacks(/has no attribute 'cherrypick'/, async lab => {
    await filled(lab, 'table.manage_snapshots().cherrypick(1)')
  }),
  'rewrites data files': lacks(/has no attribute 'rewrite_data_files'/, async lab => {
    await filled(lab, 'table.maintenance.rewrite_data_files()')
  }),
  'rewrites manifests': lacks(/has no attribute 'rewrite_manifests'/, async lab => {
    await filled(lab, 'table.maintenance.rewrite_manifests()')
  }),
  'rewrites position deletes': lacks(/has no attribute 'rewrite_position_delete_files'/, async lab => {
    await filled(lab, 'table.maintenance.rewrite_position_delete_files()')
  }),
  'expires snapshots': works(async lab => {
    await filled(lab, 'table.delete("id = 2")')
    const [first] = await snapshotsOf(lab)
    await python(lab, `table.maintenance.expire_snapshots().by_id(${first?.id}).commit()`)
    assert.ok((await snapshotsOf(lab)).every(({ id }) => id !== first?.id))
    await assertRows(lab, [A, C])
  }),
  'removes orphan files': lacks(/has no attribute 'remove_orphan_files'/, async lab => {
    await filled(lab, 'table.maintenance.remove_orphan_files()')
  }),
  'takes in Parquet files that are there': works(async lab => {
    await python(
      lab,
      `
import pyarrow.parquet as pq
table = catalog.create_table("${lab.its}", schema)
location = table.location() + "/given.parquet"
with table.io.new_output(location).create() as stream:
    pq.write_table(pa.Table.from_pylist([A, B, C], schema=pa.schema([("id", pa.int32()), ("name", pa.string()), ("at", pa.timestamp("us"))])), stream)
table.add_files([location])`,
    )
    await assertRows(lab, [A, B, C])
  }),
  'creates, lists and drops a view': works(async lab => {
    const listed = await python(
      lab,
      `${VIEW}
result = [view in catalog.list_views("lab"), catalog.load_view(view).current_version().representations[0].root.sql]
catalog.drop_view(view)
result.append(catalog.view_exists(view))`.replace('NAME', lab.its),
    )
    assert.deepEqual(listed, [true, 'SELECT 1 AS id', false])
  }),
  'replaces a view': lacks(/'RestCatalog' object has no attribute 'replace_view'/, async lab => {
    await python(lab, 'catalog.replace_view()')
  }),
  'reads rows through a view': lacks(/'View' object has no attribute 'scan'/, async lab => {
    await python(lab, `${VIEW}\ncatalog.load_view(view).scan()`.replace('NAME', lab.its))
  }),
}
