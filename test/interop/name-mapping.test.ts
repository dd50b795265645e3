import assert from 'node:assert/strict'
import { test } from 'node:test'
import { currentSchema } from '../../src/format/schema.ts'
import { InteropLake } from './interop-lake.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'
import { assertSameTable } from './same-table.ts'
import { Spark, withSpark } from './spark.ts'
import { assertSameFacts } from './table-facts.ts'

const python = await pythonTool()

/** Takes two files in that were no table's, whose columns lie in other orders, and writes one of its own after that. */
const ADD_FILES = `
  import datetime, os
  import pyarrow.parquet as pq
  from decimal import Decimal
  def row(id):
      return {
          "id": id, "name": None if id % 3 == 0 else f"n{id}", "price": Decimal(id) / 8,
          "day": datetime.date(2026, 1, 1) + datetime.timedelta(days=id),
          "at": datetime.datetime(2026, 1, 1, 0, 0, id, 123456, tzinfo=datetime.timezone.utc),
          "place": {"lat": id + 0.5, "lon": -id}, "tags": [{"k": f"t{id}"}] * (id % 3), "by": [(f"k{id}", {"n": id})],
      }
  struct = lambda **fields: pa.struct([pa.field(name, kind) for name, kind in fields.items()])
  schema = pa.schema({
      "id": pa.int32(), "name": pa.string(), "price": pa.decimal128(9, 3), "day": pa.date32(),
      "at": pa.timestamp("us", tz="UTC"), "place": struct(lat=pa.float64(), lon=pa.int32()),
      "tags": pa.list_(struct(k=pa.string())), "by": pa.map_(pa.string(), struct(n=pa.int32())),
  })
  catalog.create_namespace("lab")
  table = catalog.create_table("lab.added", schema)
  def write(name, ids, names):
      location = f"{table.location()}/given/{name}"
      path = location.removeprefix("file://")
      os.makedirs(os.path.dirname(path), exist_ok=True)
      pq.write_table(pa.Table.from_pylist([row(id) for id in ids], schema).select(names), path)
      return location
  table.add_files([
      write("first.parquet", range(5), schema.names),
      write("second.parquet", range(5, 9), list(reversed(schema.names))),
  ])
  table.append(pa.Table.from_pylist([row(id) for id in range(9, 12)], schema))
  result = table.properties.get("schema.name-mapping.default") is not None
`

const CHANGE = `
  from pyiceberg.types import LongType, StringType
  table = catalog.load_table("lab.added")
  with table.update_schema() as update:
      update.rename_column("name", "title")
      update.rename_column("place.lat", "latitude")
      update.update_column("id", LongType())
      update.delete_column("price")
  with table.update_schema() as update:
      update.add_column("name", StringType())
      update.add_column(("place", "height"), StringType())
  table.append(table.scan(row_filter="id = 11").to_arrow())
`

const ROWS = `
  rows = catalog.load_table("lab.added").scan().to_arrow().to_pylist()
  pick = lambda row: [int(row["id"]), row["place"], row["tags"], [[key, value] for key, value in row["by"]]]
  result = sorted((pick(row) for row in rows), key=lambda row: row[0])
`

const NESTED = 'SELECT id::INTEGER AS id, place, tags, map_entries("by") AS "by" FROM lab.added ORDER BY id'

test('files that PyIceberg adds as they are, without field ids', skipWithout(python), async t => {
  await using lake = await InteropLake.open('template')
  await using pyiceberg = await PyIceberg.connect(pathOf(python), lake.url)
  const run = (code: string): Promise<unknown> => pyiceberg.call('python', { code })
  const assertSame = async (rowCount: number): Promise<void> => {
    const table = await lake.load('lab.added')
    await assertSameTable(pyiceberg, table, await lake.facts([table]))
    type Row = { readonly id: number; readonly place: unknown; readonly tags: unknown; readonly by: Entry[] }
    type Entry = { readonly key: string; readonly value: unknown }
    const rows = await lake.query<Row>(NESTED)
    assert.equal(rows.length, rowCount)
    const found = rows.map(({ id, place, tags, by }) => [id, place, tags, by.map(e => [e.key, e.value])])
    assert.deepEqual(found, await run(ROWS))
  }

  await t.test('read as PyIceberg reads them, beside files of its own', async () => {
    assert.equal(await run(ADD_FILES), true)
    await assertSame(12)
  })
  await t.test('also after columns are renamed, widened, dropped and added', async () => {
    await run(CHANGE)
    await assertSame(13)
  })
})

test('a partitioned folder that Spark takes in', withSpark, async () => {
  await using lake = await InteropLake.open('template')
  const spark = Spark.shared()
  await spark.attach('lake', lake.url)
  await spark.run(
    'CREATE NAMESPACE lake.lab',
    `CREATE TABLE lake.lab.hive (id INT, name STRING, at TIMESTAMP, place STRUCT<lat: DOUBLE>, tags ARRAY<STRUCT<k: BIGINT>>, region STRING, day DATE)
      USING iceberg PARTITIONED BY (region, day)`,
  )
  const folder = `${(await lake.load('lab.hive')).metadata.location}/given`
  const [, , , own] = await spark.run(
    `CREATE TABLE spark_catalog.default.source USING parquet PARTITIONED BY (region, day) LOCATION '${folder}' AS
      SELECT CAST(id AS INT) AS id, CONCAT('n', id) AS name, TIMESTAMP '2026-01-01 12:00:00' AS at,
        named_struct('lat', id + 0.5D) AS place, array(named_struct('k', id)) AS tags,
        CASE WHEN id % 4 = 0 THEN NULL ELSE CONCAT('it''s ', id % 2) END AS region, DATE '2026-01-01' AS day FROM range(10)`,
    `CALL lake.system.add_files(table => 'lab.hive', source_table => '\`parquet\`.\`${folder}\`')`,
    `ALTER TABLE lake.lab.hive RENAME COLUMN name TO title`,
    `INSERT INTO lake.lab.hive SELECT id + 100, title, at, place, tags, region, day FROM lake.lab.hive WHERE id < 2`,
    `DELETE FROM lake.lab.hive WHERE id = 5`,
  )
  assert.ok(own)
  const table = await lake.load('lab.hive')
  const expected = await spark.facts('lake', table)
  assertSameFacts(currentSchema(table.metadata).fields, await lake.factsOf(table), expected, 'lab.hive')
  const [rows] = await spark.run(
    'SELECT id, title, place.lat, tags[0].k, region, CAST(day AS STRING) FROM lake.lab.hive ORDER BY id',
  )
  const found = await lake.query<Record<string, unknown>>(
    'SELECT id, title, place.lat AS lat, tags[1].k::INTEGER AS k, region, day::VARCHAR AS day FROM lab.hive ORDER BY id',
  )
  assert.equal(found.length, 11)
  assert.deepEqual(
    found.map(row => Object.values(row)),
    rows,
  )
})
