import assert from 'node:assert/strict'
import type { TableMetadata } from '../../src/format/metadata-types.ts'
import { currentSchema } from '../../src/format/schema.ts'
import { currentSnapshot } from '../../src/format/snapshot.ts'
import { formatIdentifier, parseIdentifier } from '../../src/table-identifier.ts'
import { schemaOf } from '../support/table-lab.ts'
import type { Lab } from './operations.ts'
import { assertSameFacts } from './table-facts.ts'

/** The rows that every engine fills its table with: an int, a text, a time; the table has a partition for each. */
export const A = [1, 'a', '2026-01-01 00:00:00'] as const
export const B = [2, 'b', '2026-02-01 00:00:00'] as const
export const C = [3, null, null] as const

type Row = readonly unknown[]

/** Ingot reads these rows from the operation's table, in the order of its first column. */
export async function assertRows({ rows, table }: Lab, expected: readonly Row[], at?: string): Promise<void> {
  assert.deepEqual(await rows(`SELECT * FROM ${table} ORDER BY 1`, at), expected)
}

/** The columns of the operation's table in their order, and the types of their values. */
export async function assertColumns(lab: Lab, expected: Readonly<Record<string, unknown>>): Promise<void> {
  const { fields } = currentSchema(await metadataOf(lab))
  assert.deepEqual(
    Object.entries(Object.fromEntries(fields.map(({ name, type }) => [name, type]))),
    Object.entries(expected),
  )
}

export async function metadataOf({ lake, table }: Lab): Promise<TableMetadata> {
  return (await lake.load(table)).metadata
}

/** The snapshots of the operation's table, the oldest first. */
export async function snapshotsOf(
  lab: Lab,
): Promise<readonly { readonly id: string; readonly timeMs: number }[]> {
  const { snapshots } = await metadataOf(lab)
  return snapshots.map(each => ({ id: String(each['snapshot-id']), timeMs: each['timestamp-ms'] }))
}

/** A total that the newest snapshot of the operation's table states: `total-position-deletes`. */
export async function totalOf(lab: Lab, name: string): Promise<string | undefined> {
  return currentSnapshot(await metadataOf(lab))?.summary[name]
}

/** The transforms of the spec that rows are written by. */
export async function partitioningOf(lab: Lab): Promise<readonly string[]> {
  const metadata = await metadataOf(lab)
  const spec = metadata['partition-specs'].find(each => each['spec-id'] === metadata['default-spec-id'])
  return spec?.fields.map(({ transform }) => transform) ?? []
}

/** Rows are written in the order of `id`, the greatest first and nulls last. */
export async function assertSorted(lab: Lab): Promise<void> {
  const metadata = await metadataOf(lab)
  const order = metadata['sort-orders'].find(each => each['order-id'] === metadata['default-sort-order-id'])
  assert.deepEqual(order?.fields, [
    { transform: 'identity', 'source-id': 1, direction: 'desc', 'null-order': 'nulls-last' },
  ])
}

/** Makes the operation's table, of one column `id`, in a folder whose name has letters beyond ASCII. */
export async function createBelowUmlauts({ lake, table }: Lab): Promise<void> {
  const { location } = (await lake.load('bronze.readings')).metadata
  await lake.catalog.createTable({
    identifier: parseIdentifier(table),
    schema: schemaOf({ id: 'int' }),
    location: `${location.split('/').slice(0, -2).join('/')}/ünder größe/${table}`,
  })
}

/** What `work` changes reaches the catalog as one transaction. */
export async function inOneTransaction({ lake }: Lab, work: () => Promise<unknown>): Promise<void> {
  const newest = async (): Promise<number> =>
    (await lake.catalog.transactions({ limit: 1 }))[0]?.transactionId ?? 0
  const before = await newest()
  await work()
  assert.equal(await newest(), before + 1)
}

/** The engine reads the same from every table of the lake as Ingot does. */
export async function assertReadsAllTables({ lake, engine }: Lab): Promise<void> {
  const tables = await lake.tables()
  const expected = await lake.facts(tables)
  assert.ok(tables.length >= 7, 'bronze, silver, gold, quarantine and system tables')
  for (const table of tables) {
    const name = formatIdentifier(table.identifier)
    const facts = expected.get(name)
    assert.ok(facts)
    assertSameFacts(currentSchema(table.metadata).fields, await engine.facts(table), facts, name)
  }
}

/** Filters of silver.readings as SQL, with the words that engines differ in left as DuckDB and Spark both take them. */
export const FILTERS = [
  "measured_at >= TIMESTAMP '2026-01-06 00:00:00'",
  "measured_at < TIMESTAMP '2025-01-01 00:00:00'",
  "vehicle = 'van-1'",
  "vehicle NOT IN ('van-1', 'van-2')",
  'depot IS NULL',
  'odometer_km >= 120401.000',
  'speed_kmh > 60.5 AND depot IS NOT NULL',
] as const

/** A reading that another engine adds to bronze, and what silver and gold make of it. */
export const ADDED = { vehicle: 'van-1', at: '2030-01-01 00:00:00', speed: 50.5, odometer: '99.125' } as const

/** The next run takes up the reading that was added to bronze, by its key alone. */
export async function assertTakenUp({ lake, rows }: Lab): Promise<void> {
  const report = await lake.run()
  const silver = report.tables.find(({ table }) => table === 'silver.readings')
  assert.equal(silver?.action, 'keys', silver?.reason)
  const { vehicle, at, speed, odometer } = ADDED
  assert.deepEqual(
    await rows(
      `SELECT vehicle, speed_kmh, odometer_km FROM silver.readings WHERE measured_at = TIMESTAMP '${at}'`,
    ),
    [[vehicle, speed, odometer]],
  )
  assert.deepEqual(await rows(`SELECT readings FROM gold.depot_days WHERE day = TIMESTAMP '${at}'`), [['1']])
}

/** After the vehicle `truck-1` was deleted from bronze, the next run has silver without it, and no source is loaded again. */
export async function assertTakenBack({ lake, rows }: Lab): Promise<void> {
  const counted = "SELECT count(*) FROM silver.readings WHERE vehicle = 'truck-1'"
  assert.deepEqual(await rows(counted), [['2']])
  const report = await lake.run()
  for (const { table, rowsAdded } of report.tables) {
    if (table.startsWith('bronze.')) assert.equal(rowsAdded, 0, table)
  }
  assert.deepEqual(await rows(counted), [['0']])
}

/** One row with a value of each type, as Ingot reads it; the second row that engines write has none. */
export const TYPED: readonly unknown[] = [
  ...[true, -5, String(2n ** 62n), 1.5, 0.1, '-1234567890123456.7891', '1969-12-31', '01:02:03.000004'],
  ...['1969-12-31 23:59:59.999999', '2026-01-01 00:00:00+00', 'snow ü 🚀'],
  ...['0f8fad5b-d9cb-469f-a165-70867728950e', Buffer.from([0, 255]), [1, null], [['k', String(2n ** 60n)]]],
  { x: 1, y: null },
]

/** Ingot reads one row of these values and one of nulls; the first column is a boolean. */
export async function assertTyped({ rows, table }: Lab, expected: readonly unknown[]): Promise<void> {
  const [row, empty] = await rows(`SELECT * FROM ${table} ORDER BY 1`)
  assert.deepEqual(
    row?.map(value => (value instanceof Uint8Array ? Buffer.from(value) : value)),
    expected,
  )
  assert.deepEqual(
    empty,
    expected.map(() => null),
  )
}
