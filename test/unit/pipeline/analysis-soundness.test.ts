import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { QueryTable } from '../../../src/lake/lake.ts'
import { prepareQuery, type RefreshQueries } from '../../../src/pipeline/prepare-query.ts'
import { KEYS_RELATION, keyColumnName } from '../../../src/pipeline/query-analysis.ts'
import { columnList, winningRowsSql } from '../../../src/pipeline/winning-rows.ts'
import { formatIdentifier } from '../../../src/table-identifier.ts'
import { openInProcessSession } from './in-process-session.ts'
import {
  createSampleTables,
  declareSample,
  INCREMENTAL_QUERIES,
  SAMPLE_TABLES,
  type SampleQuery,
  sampleColumns,
} from './sample-queries.ts'
import { TRICKY_INCREMENTAL } from './tricky-queries.ts'

/** Changes tried for each query; INGOT_CASES counts batches of incremental-equals-full.test.ts, which cost ten times as much. */
const RUNS = Math.ceil(Number(process.env.INGOT_CASES ?? 60) / 10)

type Session = Awaited<ReturnType<typeof openInProcessSession>>
type Rows = readonly (readonly string[])[]

/** Few values a column, nulls among them: so that joins meet, groups share and duplicates occur. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  vehicle: ["'a'", "'b'", 'NULL'],
  seen: ["'2024-01-01 10:00'", "'2024-01-01 22:00'", "'2024-01-02 10:00'", "'infinity'", 'NULL'],
  since: ["'2024-01-01 10:00'", 'NULL'],
  speed: ['1.5', '0.0', "'-0.0'", "'nan'", 'NULL'],
  n: ['0', '1', '2', 'NULL'],
  rank: ['0', '1', 'NULL'],
  tags: ["['x']", "['x', 'y', NULL]", '[]', 'NULL'],
  model: ["'x'", "'y'", 'NULL'],
  depot: ["'d1'", "'d2'", 'NULL'],
  city: ["'c1'", "'c2'"],
  _source: ["'f1'", "'f2'"],
  _source_partition: ['0'],
  _position: ['1', '2', '3'],
}

function rowsOf(table: string, max: number): fc.Arbitrary<Rows> {
  const columns = Object.keys(SAMPLE_TABLES[table] ?? {})
  return fc.array(fc.tuple(...columns.map(column => fc.constantFrom(...(VALUES[column] ?? ['NULL'])))), {
    maxLength: max,
  })
}

interface TableChange {
  readonly kept: Rows
  readonly removed: Rows
  readonly added: Rows
}

const change = (table: string): fc.Arbitrary<TableChange> =>
  fc.record({
    kept: rowsOf(table, 6),
    removed: fc.oneof(fc.constant([]), rowsOf(table, 3)),
    added: fc.oneof(fc.constant([]), rowsOf(table, 3)),
  })

const changes = fc.tuple(...Object.keys(SAMPLE_TABLES).map(change))

async function fill(session: Session, relation: string, like: string, rows: Rows): Promise<void> {
  await session.query(`CREATE OR REPLACE TABLE ${relation} AS SELECT * FROM ${like} LIMIT 0`)
  if (rows.length > 0)
    await session.query(`INSERT INTO ${relation} VALUES ${rows.map(row => `(${row})`).join(', ')}`)
}

async function winners(
  session: Session,
  table: QueryTable,
  sql: string,
  { helpers }: RefreshQueries,
): Promise<string> {
  await session.query(`CREATE OR REPLACE TEMP TABLE computed AS ${sql}`)
  return winningRowsSql(table, 'computed', helpers)
}

/** Which inputs lost rows (`old 0`), and which got some (`new 0`). */
type Came = Set<`${'old' | 'new'} ${number}`>

/** Keeps the rows that one version of an input has beyond the other, in the columns that the queries read. Returns whether there are any. */
async function keepChanges(
  session: Session,
  queries: RefreshQueries,
  { input, name, which }: { readonly input: number; readonly name: string; readonly which: 'old' | 'new' },
): Promise<boolean> {
  const read = (queries.strategy === 'full' ? undefined : queries.reads.get(input)) ?? 'all'
  const list = Object.keys(SAMPLE_TABLES[name] ?? {})
    .map(column => (read === 'all' || read.has(column) ? `"${column}"` : `NULL AS "${column}"`))
    .join(', ')
  const sides = [name, `ingot_old."${input}"`].map(side => `SELECT ${list} FROM ${side}`)
  if (which === 'old') sides.reverse()
  const relation = `${which === 'old' ? 'ingot_removed' : 'ingot_added'}."${input}"`
  const { rows } = await session.query(`CREATE OR REPLACE TABLE ${relation} AS ${sides.join(' EXCEPT ALL ')}`)
  return Number(rows[0]?.[0]) > 0
}

/** Refreshes `result`, which holds the table of the old inputs, as the queries say. */
async function refresh(
  session: Session,
  table: QueryTable,
  queries: RefreshQueries,
  changes: Came,
): Promise<void> {
  const came = (input: number, which: 'old' | 'new'): boolean => changes.has(`${which} ${input}`)
  if (queries.strategy === 'keys') {
    const touched = queries.touched.filter(({ input, changes: which }) => came(input, which))
    if (touched.length === 0) return
    await session.query(
      `CREATE OR REPLACE TEMP TABLE ${KEYS_RELATION} AS SELECT DISTINCT * FROM (${touched.map(({ query }) => `(${query})`).join(' UNION ALL ')})`,
    )
    const matches = queries.keyColumns.map(
      (column, index) => `r."${column}" IS NOT DISTINCT FROM k.${keyColumnName(index)}`,
    )
    await session.query(`DELETE FROM result r USING ${KEYS_RELATION} k WHERE ${matches.join(' AND ')}`)
    await session.query(`INSERT INTO result ${await winners(session, table, queries.recomputed, queries)}`)
  } else if (queries.strategy === 'append') {
    const appends = table.inputs.every(
      (_, input) => !came(input, 'old') && (input === queries.drivingInput || !came(input, 'new')),
    )
    if (appends) await session.query(`INSERT INTO result ${queries.appended}`)
    else await session.query(`CREATE OR REPLACE TEMP TABLE result AS ${queries.rows}`)
  }
}

describe('a refresh by touched keys', () => {
  let session: Session
  before(async () => {
    session = await openInProcessSession()
    await createSampleTables(session)
    for (const schema of ['ingot_old', 'ingot_removed', 'ingot_added'])
      await session.query(`CREATE SCHEMA ${schema}`)
  })
  after(() => session.close())

  async function check(
    table: QueryTable,
    queries: RefreshQueries,
    worlds: readonly TableChange[],
  ): Promise<void> {
    const names = Object.keys(SAMPLE_TABLES)
    const changed = new Map<number, TableChange>()
    for (const [index, name] of names.entries()) {
      const world = worlds[index]
      const input = table.inputs.findIndex(identifier => formatIdentifier(identifier) === name)
      if (world === undefined || input < 0) continue
      changed.set(input, world)
      await fill(session, `ingot_old."${input}"`, name, [...world.kept, ...world.removed])
      await fill(session, name, `ingot_old."${input}"`, [...world.kept, ...world.removed])
    }
    await session.query(
      `CREATE OR REPLACE TEMP TABLE result AS ${await winners(session, table, queries.rows, queries)}`,
    )
    const came: Came = new Set()
    for (const [input, { kept, added }] of changed) {
      const name = formatIdentifier(table.inputs[input] ?? assert.fail())
      await fill(session, name, `ingot_old."${input}"`, [...kept, ...added])
      for (const which of ['old', 'new'] as const)
        if (await keepChanges(session, queries, { input, name, which })) came.add(`${which} ${input}`)
    }
    // What a full recompute runs is a rewritten query, too: it must give the rows of the one that the user wrote.
    const columns = columnList(table)
    const written = `SELECT ${columns} FROM (${table.sql}\n)`
    assert.deepEqual(await differences(written, `SELECT ${columns} FROM (${queries.rows}\n)`), [])
    await refresh(session, table, queries, came)
    const full = await winners(session, table, queries.rows, queries)
    assert.deepEqual(await differences(full, 'SELECT * FROM result'), [])
  }

  /** The rows that one SELECT has beyond the other. */
  async function differences(wanted: string, found: string): Promise<unknown> {
    const missing = `SELECT 'missing', * FROM ((${wanted}) EXCEPT ALL (${found}))`
    const surplus = `SELECT 'surplus', * FROM ((${found}) EXCEPT ALL (${wanted}))`
    return (await session.query(`${missing} UNION ALL ${surplus}`)).rows
  }

  for (const sample of [...INCREMENTAL_QUERIES, ...TRICKY_INCREMENTAL]) {
    it(`equals a full recompute: ${title(sample)}`, async () => {
      const table = await declareSample(session, sample)
      const { queries } = await prepareQuery(session, table, sampleColumns)
      await fc.assert(
        fc.asyncProperty(changes, worlds => check(table, queries, worlds)),
        { numRuns: RUNS, endOnFailure: true },
      )
    })
  }
})

function title({ sql, key }: SampleQuery): string {
  return key === undefined ? sql : `${sql} key ${key.join(', ')}`
}
