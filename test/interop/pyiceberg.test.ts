import assert from 'node:assert/strict'
import { test } from 'node:test'
import { currentSchema } from '../../src/format/schema.ts'
import { formatIdentifier } from '../../src/table-identifier.ts'
import { InteropLake } from './interop-lake.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'
import { assertSameTable, assertTakenAndRecomputed } from './same-table.ts'
import { assertSameFacts } from './table-facts.ts'

const python = await pythonTool()

const FILTERS: readonly (readonly [table: string, pyiceberg: string, sql: string])[] = [
  ['silver.readings', "measured_at >= '2026-01-06T00:00:00'", "measured_at >= TIMESTAMP '2026-01-06'"],
  ['silver.readings', "measured_at < '2025-01-01T00:00:00'", "measured_at < TIMESTAMP '2025-01-01'"],
  ['silver.readings', "vehicle = 'van-1'", "vehicle = 'van-1'"],
  ['silver.readings', 'depot is null', 'depot IS NULL'],
  ['silver.readings', 'odometer_km >= 120401.000', 'odometer_km >= 120401.000'],
  ['silver.readings', 'speed_kmh > 60.5 and depot is not null', 'speed_kmh > 60.5 AND depot IS NOT NULL'],
  ['bronze.readings', '_rescued is not null', '_rescued IS NOT NULL'],
  ['bronze.readings', "vehicle not in ('van-1', 'van-2')", "vehicle NOT IN ('van-1', 'van-2')"],
  [
    'bronze.readings',
    "_ingested_at > '2026-01-01T00:00:00+00:00'",
    "_ingested_at > TIMESTAMPTZ '2026-01-01 00:00:00+00'",
  ],
]

/** A second report of van-1's first moment, a reading that nobody made before, and one that no depot has. */
const ROWS = [
  reading('van-1', '2026-01-05T07:00:00', 44.25, '120334.125'),
  reading('van-2', '2026-02-01T00:00:00.000001', 10.5, '80100.000'),
  reading(null, '2026-02-02T12:00:00', null, null),
]

function reading(
  vehicle: string | null,
  at: string,
  speed: number | null,
  odometer: string | null,
): Record<string, unknown> {
  return {
    vehicle,
    measured_at: at,
    speed_kmh: speed,
    odometer_km: odometer,
    _source: 'pyiceberg',
    _ingested_at: '2030-01-01T00:00:00+00:00',
  }
}

interface World {
  readonly lake: InteropLake
  readonly pyiceberg: PyIceberg
}

const BRONZE = ['bronze', 'readings']
const REFRESHED = ['silver.readings', 'gold.depot_days']

async function checkAllTables({ lake, pyiceberg }: World): Promise<void> {
  const tables = await lake.tables()
  const expected = await lake.facts(tables)
  assert.ok(tables.length >= 7, 'bronze, silver, gold, quarantine and system tables')
  const listed = (await pyiceberg.call('list_tables')) as string[][]
  assert.deepEqual(listed.map(levels => levels.join('.')).sort(), [...expected.keys()].sort())
  for (const table of tables) await assertSameTable(pyiceberg, table, expected)
}

async function checkFilters({ lake, pyiceberg }: World): Promise<void> {
  const requests = await Promise.all(
    FILTERS.map(async ([name, , sql]) => ({ table: await lake.load(name), where: sql })),
  )
  const expected = await lake.readFacts(requests)
  for (const [index, [name, where]] of FILTERS.entries()) {
    const [table, facts] = [requests[index]?.table, expected[index]]
    assert.ok(table && facts)
    const { fields } = currentSchema(table.metadata)
    const found = await pyiceberg.facts(name.split('.'), fields, { where })
    assertSameFacts(fields, found, facts, `${name} where ${where}`)
  }
}

async function checkAppend({ lake, pyiceberg }: World): Promise<void> {
  await pyiceberg.call('append', { table: BRONZE, rows: ROWS })
  const report = await assertTakenAndRecomputed(lake, REFRESHED)
  const silver = report.tables.find(({ table }) => table === 'silver.readings')
  assert.equal(silver?.action, 'keys', silver?.reason)
  const moment = "vehicle = 'van-1' AND measured_at = TIMESTAMP '2026-01-05 07:00:00'"
  const rows = await lake.query(`SELECT speed_kmh FROM silver.readings WHERE ${moment}`)
  assert.deepEqual(rows, [{ speed_kmh: 44.25 }])
}

async function checkTimeTravel({ lake, pyiceberg }: World): Promise<void> {
  const table = await lake.load('silver.readings')
  const [first] = table.metadata.snapshots
  assert.ok(first && first['snapshot-id'] !== table.metadata['current-snapshot-id'])
  const { fields } = currentSchema(table.metadata)
  const snapshot = String(first['snapshot-id'])
  const found = await pyiceberg.facts(['silver', 'readings'], fields, { snapshot })
  const expected = await lake.factsOf(table, snapshot)
  assert.equal(expected.rows, '9')
  assertSameFacts(fields, found, expected, `silver.readings at ${snapshot}`)
}

async function checkAddedColumn({ lake, pyiceberg }: World): Promise<void> {
  await pyiceberg.call('add_column', { table: BRONZE, name: 'weather', type: 'string' })
  const rows = [{ ...reading('van-3', '2026-02-03T00:00:00', 77, '45200.000'), weather: 'snow ü' }]
  await pyiceberg.call('append', { table: BRONZE, rows })
  await assertTakenAndRecomputed(lake, REFRESHED)
  const found = await lake.query('SELECT weather, count(*) AS n FROM bronze.readings GROUP BY ALL ORDER BY n')
  assert.deepEqual(found, [
    { weather: 'snow ü', n: '1' },
    { weather: null, n: '15' },
  ])
}

async function checkOverwriteAndDelete({ lake, pyiceberg }: World): Promise<void> {
  const rows = [reading('truck-1', '2026-01-05T08:02:00', 60, '301999.500')]
  const where = "vehicle = 'truck-1' and measured_at = '2026-01-05T08:02:00'"
  await pyiceberg.call('overwrite', { table: BRONZE, where, rows })
  await pyiceberg.call('delete', { table: BRONZE, where: "vehicle = 'van-3'" })
  await assertTakenAndRecomputed(lake, REFRESHED)
  const left = await lake.query(
    "SELECT vehicle, speed_kmh FROM silver.readings WHERE vehicle IN ('van-3', 'truck-1') ORDER BY measured_at",
  )
  assert.deepEqual(left[0], { vehicle: 'truck-1', speed_kmh: 60 })
  assert.ok(left.every(row => (row as { vehicle: string }).vehicle === 'truck-1'))
  await checkAllTables({ lake, pyiceberg })
}

async function checkForeignTable({ lake, pyiceberg }: World): Promise<void> {
  const columns = [
    ['id', 'long'],
    ['Größe, in "cm"', 'double'],
    ['at', 'timestamp'],
  ]
  const rows = [
    { id: 1, 'Größe, in "cm"': 0.1, at: '1969-12-31T23:59:59.999999' },
    { id: 2 ** 53, 'Größe, in "cm"': null, at: null },
  ]
  await pyiceberg.call('create', { table: ['silver', 'foreign'], columns })
  await pyiceberg.call('append', { table: ['silver', 'foreign'], rows })
  const table = await lake.load('silver.foreign')
  await assertSameTable(pyiceberg, table, await lake.facts([table]))
  assert.deepEqual(
    await lake.query('SELECT id, "Größe, in ""cm""" AS size FROM silver.foreign ORDER BY id'),
    [
      { id: '1', size: 0.1 },
      { id: String(2 ** 53), size: null },
    ],
  )
}

const CHECKS: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  ['every table has the same schema and rows, by the catalog and by its metadata file', checkAllTables],
  ['filters on partition columns, texts, times, decimals and nulls find the same rows', checkFilters],
  ['rows that it appends to bronze are taken up by their keys, and no file is loaded again', checkAppend],
  ['an older snapshot has the rows that it had', checkTimeTravel],
  ['a column that it adds to bronze is kept, and rows with it are taken up', checkAddedColumn],
  [
    'rows that it overwrites and deletes in bronze are taken back from silver and gold',
    checkOverwriteAndDelete,
  ],
  ['a table that it creates and fills is read by Ingot', checkForeignTable],
]

test('PyIceberg and the template', skipWithout(python), async t => {
  await using lake = await InteropLake.open('template')
  await lake.run()
  await using pyiceberg = await PyIceberg.connect(pathOf(python), lake.url)
  for (const [name, check] of CHECKS) await t.test(name, () => check({ lake, pyiceberg }))
})

test('PyIceberg counts the rows of the whole flights example', skipWithout(python), async () => {
  await using lake = await InteropLake.open({ flightRows: 'all' })
  await lake.run()
  await using pyiceberg = await PyIceberg.connect(pathOf(python), lake.url)
  const tables = await lake.tables()
  const names = tables.map(({ identifier }) => formatIdentifier(identifier))
  const selects = names.map(name => `SELECT '${name}' AS name, count(*)::integer AS n FROM ${name}`)
  const expected = await lake.query<{ name: string; n: number }>(selects.join(' UNION ALL '))
  for (const { name, n } of expected) {
    assert.equal(await pyiceberg.call('count', { table: name.split('.') }), n, name)
  }
  assert.equal(expected.find(({ name }) => name === 'bronze.flights')?.n, 3_000_000)
})
