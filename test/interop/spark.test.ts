import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { currentSchema } from '../../src/format/schema.ts'
import { currentSnapshot } from '../../src/format/snapshot.ts'
import { formatIdentifier } from '../../src/table-identifier.ts'
import { InteropLake } from './interop-lake.ts'
import { pathOf, pythonTool } from './interop-tools.ts'
import type { ConnectedEngine } from './operations.ts'
import { PyIceberg } from './pyiceberg.ts'
import { assertSameTable, assertTakenAndRecomputed } from './same-table.ts'
import { Spark, withSpark } from './spark.ts'
import { SPARK_OPERATIONS } from './spark-operations.ts'
import { assertSameFacts } from './table-facts.ts'
import { tryOperations } from './try-operations.ts'

const python = await pythonTool()

/** Enough that few changed keys are written as position deletes rather than whole files. */
const FLIGHT_ROWS = 200_000
const REFRESHED = ['silver.readings', 'gold.depot_days']

interface World {
  readonly spark: Spark
  readonly template: InteropLake
  readonly flights: InteropLake
}

async function checkAllTables({ spark, ...lakes }: World): Promise<void> {
  for (const [catalog, lake] of Object.entries(lakes)) {
    const tables = await lake.tables()
    const expected = await lake.facts(tables)
    assert.ok(tables.length >= 7, 'bronze, silver, gold, quarantine and system tables')
    for (const table of tables) {
      const name = formatIdentifier(table.identifier)
      const facts = expected.get(name)
      assert.ok(facts)
      const found = await spark.facts(catalog, table)
      assertSameFacts(currentSchema(table.metadata).fields, found, facts, `${catalog} ${name}`)
    }
  }
}

async function checkMetadataTables({ spark, template }: World): Promise<void> {
  const table = await template.load('silver.readings')
  const [snapshots, files] = await spark.run(
    'SELECT snapshot_id, operation FROM template.silver.readings.snapshots',
    'SELECT sum(record_count) FROM template.silver.readings.files WHERE content = 0',
  )
  assert.equal(snapshots?.length, table.metadata.snapshots.length)
  assert.deepEqual(files, [[9]])
}

/** Later reports of flights that are there, and one of a flight that is not. */
const INSERTED = `
  INSERT INTO flights.bronze.flights
  SELECT date, delay + 7, distance, origin, destination, 'spark', 0, _position, TIMESTAMP '2030-01-01 00:00:00', NULL
  FROM flights.bronze.flights WHERE _position IN (1, 1000, 150000)
  UNION ALL
  SELECT TIMESTAMP_NTZ '2001-06-30 23:59:00', 5, 100, 'ABE', 'ORD', 'spark', 0, 4, TIMESTAMP '2030-01-01 00:00:00', NULL`

async function checkInsert({ spark, flights }: World): Promise<void> {
  await spark.run(INSERTED)
  const report = await flights.run()
  const silver = report.tables.find(({ table }) => table === 'silver.flights')
  assert.equal(silver?.action, 'keys', silver?.reason)
  assert.equal(silver.rowsAdded, 4)
  const tables = await flights.tables()
  const { metadata } = await flights.load('silver.flights')
  assert.notEqual(currentSnapshot(metadata)?.summary['total-position-deletes'], '0')
  const expected = await flights.facts(tables)
  await using pyiceberg = await PyIceberg.connect(pathOf(python), flights.url)
  for (const table of tables) {
    const facts = expected.get(formatIdentifier(table.identifier))
    assert.ok(facts)
    const name = formatIdentifier(table.identifier)
    const { fields } = currentSchema(table.metadata)
    assertSameFacts(fields, await spark.facts('flights', table), facts, name)
    await assertSameTable(pyiceberg, table, expected)
  }
}

const TABLE = 'template.bronze.readings'

function inMode(mode: 'copy-on-write' | 'merge-on-read'): string {
  const properties = ['delete', 'update', 'merge'].map(kind => `'write.${kind}.mode' = '${mode}'`)
  return `ALTER TABLE ${TABLE} SET TBLPROPERTIES (${properties.join(', ')})`
}

async function checkMergeOnRead({ spark, template }: World): Promise<void> {
  await spark.run(
    inMode('merge-on-read'),
    `DELETE FROM ${TABLE} WHERE vehicle = 'van-2'`,
    `UPDATE ${TABLE} SET speed_kmh = 45 WHERE vehicle = 'van-1' AND speed_kmh < 45`,
  )
  const { metadata } = await template.load('bronze.readings')
  assert.notEqual(currentSnapshot(metadata)?.summary['total-position-deletes'], '0')
  await assertTakenAndRecomputed(template, REFRESHED)
  const rows = await template.query(
    'SELECT vehicle, count(*) AS n, min(speed_kmh) AS least FROM silver.readings GROUP BY ALL ORDER BY ALL',
  )
  assert.deepEqual(rows, [
    { vehicle: 'truck-1', n: '2', least: 79.7 },
    { vehicle: 'van-1', n: '3', least: 45 },
    { vehicle: 'van-3', n: '2', least: 66.4 },
    { vehicle: 'van-9', n: '1', least: 50 },
  ])
}

async function checkCopyOnWrite({ spark, template }: World): Promise<void> {
  await spark.run(
    inMode('copy-on-write'),
    `UPDATE ${TABLE} SET vehicle = 'truck-2' WHERE vehicle = 'truck-1'`,
    `DELETE FROM ${TABLE} WHERE vehicle = 'van-9'`,
    `MERGE INTO ${TABLE} t USING (SELECT 'van-3' AS vehicle, 12.25D AS speed) s ON t.vehicle = s.vehicle
     WHEN MATCHED THEN UPDATE SET t.speed_kmh = s.speed`,
    `CALL template.system.rewrite_data_files(table => 'bronze.readings', options => map('rewrite-all', 'true'))`,
  )
  await assertTakenAndRecomputed(template, REFRESHED)
  const rows = await template.query(
    'SELECT vehicle, count(*) AS n, max(speed_kmh) AS most FROM silver.readings GROUP BY ALL ORDER BY ALL',
  )
  assert.deepEqual(rows, [
    { vehicle: 'truck-2', n: '2', most: 81.1 },
    { vehicle: 'van-1', n: '3', most: 63.5 },
    { vehicle: 'van-3', n: '2', most: 12.25 },
  ])
}

async function checkForeignTable({ spark, template }: World): Promise<void> {
  await spark.run(
    `CREATE TABLE template.silver.foreign USING iceberg PARTITIONED BY (truncate(3, vehicle)) AS
     SELECT vehicle, speed_kmh, named_struct('a', odometer_km, 'b', array(1, 2)) AS nested FROM ${TABLE}`,
    'ALTER TABLE template.silver.foreign RENAME COLUMN nested.a TO odometer',
    "INSERT INTO template.silver.foreign VALUES (NULL, 1.5, named_struct('odometer', 2.5, 'b', NULL))",
  )
  const table = await template.load('silver.foreign')
  const { fields } = currentSchema(table.metadata)
  const [found, own] = [await spark.facts('template', table), await template.factsOf(table)]
  assertSameFacts(fields, found, own, 'silver.foreign')
  const rows = await template.query(
    'SELECT vehicle, nested.odometer AS o FROM silver.foreign WHERE speed_kmh IN (63.5, 1.5) ORDER BY speed_kmh',
  )
  assert.deepEqual(rows, [
    { vehicle: null, o: '2.500' },
    { vehicle: 'van-1', o: '120343.990' },
  ])
}

const CHECKS: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  ['every table of both lakes has the same rows', checkAllTables],
  ['its metadata tables see our snapshots and files', checkMetadataTables],
  ['rows that it inserts into bronze are taken up by their keys; all read our position deletes', checkInsert],
  ['what it deletes and updates by position deletes is taken back from silver and gold', checkMergeOnRead],
  ['what it rewrites, merges and compacts is, too', checkCopyOnWrite],
  ['a table that it creates, evolves and fills is read by Ingot', checkForeignTable],
]

test('Spark', withSpark, async t => {
  const spark = Spark.shared()
  await t.test('and two lakes', t => tryLakes(t, spark))
  await tryOperations(t, {
    engine: 'Spark',
    operations: SPARK_OPERATIONS,
    connect: lake => connect(spark, lake),
  })
})

async function tryLakes(t: TestContext, spark: Spark): Promise<void> {
  await using template = await InteropLake.open('template')
  await using flights = await InteropLake.open({ flightRows: FLIGHT_ROWS })
  await template.run()
  await flights.run()
  await spark.attach('template', template.url)
  await spark.attach('flights', flights.url)
  for (const [name, check] of CHECKS) await t.test(name, () => check({ spark, template, flights }))
}

async function connect(spark: Spark, { url, store }: InteropLake): Promise<ConnectedEngine> {
  const catalog = store.s3 === undefined ? 'folder' : 'bucket'
  await spark.attach(catalog, url, store.s3)
  return {
    nameOf: table => `${catalog}.${table}`,
    run: (...statements) => spark.run(...statements),
    facts: table => spark.facts(catalog, table),
    close: () => Promise.resolve(),
  }
}
