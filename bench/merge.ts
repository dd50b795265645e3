import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { currentSnapshot } from '../src/format/snapshot.ts'
import type { Platform } from '../src/platform.ts'
import { writeDataFiles } from '../src/table/data-files.ts'
import type { EngineSession } from '../src/table/engine.ts'
import { planScan } from '../src/table/scan.ts'
import { scanSql } from '../src/table/scan-sql.ts'
import { openTable } from '../src/table/stage.ts'
import { stageReplaceKeys } from '../src/table/stage-overwrite.ts'
import type { StagedTable, TableContext } from '../src/table/staged-table.ts'
import { filesWrittenBy } from '../src/table/uncommitted-files.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import { commitAppend, createBenchTable, openBenchPlatform } from './bench-tables.ts'
import { type Figure, Figures } from './figure.ts'
import { type Measurement, measure } from './measure.ts'

const ROUNDS = 3
const KEYS = 10_000
const ROWS_PER_COPY = 5_000_000
const TO_SMALLEST_MAX = 3
const KINDS = ['new', 'existing'] as const

type KeyKind = (typeof KINDS)[number]

/** One size: what merges of each kind of keys into a table of so many rows cost. */
interface Size {
  readonly rows: number
  /** The table as it was with these rows; later appends are not in it. */
  readonly table: LoadedTable
  readonly costs: Readonly<Record<KeyKind, Measurement[]>>
  /** What the engine needs to read all keys of the table and no more: a merge by random keys cannot do with less. */
  readonly floor: Measurement[]
}

/** Replacing 10,000 rows by random UUIDs, of which the table has none or all, in tables of 1 to 20 million rows. */
export async function benchMerge({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  return await withTempFolder(async folder => {
    await using platform = await openBenchPlatform(folder)
    const rowCounts = isQuick ? [100_000, 500_000] : [1_000_000, 5_000_000, 10_000_000, 20_000_000]
    return await platform.engine.session({ label: 'bench' }, async session => {
      const sizes = await createSizes(platform, session, rowCounts)
      onProgress(`${rowCounts.at(-1)} rows written`)
      const [smallest] = sizes
      assert(smallest)
      // What is compiled and cached by a first merge would count for the first size alone.
      for (const kind of KINDS) await merge(platform.context, session, smallest, kind)
      for (let round = 1; round <= ROUNDS; round += 1) {
        for (const size of sizes) {
          for (const kind of KINDS) {
            size.costs[kind].push(await merge(platform.context, session, size, kind))
          }
          size.floor.push(await readKeys(platform.context, session, size))
        }
        onProgress(`round ${round} done`)
      }
      return figuresOf(sizes)
    })
  })
}

/** Grows one table to each count in turn. */
async function createSizes(
  { context }: Platform,
  session: EngineSession,
  rowCounts: readonly number[],
): Promise<Size[]> {
  let table = await createBenchTable(context, 'merged', { id: 'uuid', payload: 'string' })
  const sizes: Size[] = []
  let written = 0
  for (const rows of rowCounts) {
    while (written < rows) {
      const count = Math.min(ROWS_PER_COPY, rows - written)
      const select = newRowsSql(count)
      const files = await writeDataFiles(context, session, table.metadata, { select })
      table = await commitAppend(context, table.identifier, files)
      written += count
    }
    sizes.push({ rows, table, costs: { new: [], existing: [] }, floor: [] })
  }
  return sizes
}

function newRowsSql(count: number): string {
  return `SELECT gen_random_uuid() AS id, md5(range::VARCHAR) AS payload FROM range(${count})`
}

/** Stages one merge, checks what it did, and drops it, so that the next one stands on the same rows. */
async function merge(
  context: TableContext,
  session: EngineSession,
  { rows, table }: Size,
  kind: KeyKind,
): Promise<Measurement> {
  const incoming = kind === 'new' ? newRowsSql(KEYS) : await sampleSql(context, table)
  await session.query(`CREATE OR REPLACE TEMP TABLE incoming AS ${incoming}`)
  let staged: StagedTable | undefined
  const cost = await measure(async () => {
    staged = await stageReplaceKeys(context, session, openTable(table), {
      keyColumns: ['id'],
      keysTable: 'incoming',
      select: 'SELECT * FROM incoming',
    })
  })
  assert(staged)
  requireRows(staged, rows, kind)
  await context.io.remove(await filesWrittenBy(context, staged))
  return cost
}

async function readKeys(
  context: TableContext,
  session: EngineSession,
  { table: { metadata } }: Size,
): Promise<Measurement> {
  const rows = scanSql(metadata, await planScan(context, metadata))
  return await measure(async () => {
    await session.query(`SELECT max(id) FROM (${rows})`)
  })
}

/** Rows drawn from all of the table, with other payloads. */
async function sampleSql(context: TableContext, { metadata }: LoadedTable): Promise<string> {
  const rows = scanSql(metadata, await planScan(context, metadata))
  return `SELECT id, 'changed' AS payload FROM (${rows}) USING SAMPLE reservoir(${KEYS} ROWS)`
}

function requireRows({ metadata }: StagedTable, rows: number, kind: KeyKind): void {
  const summary = currentSnapshot(metadata)?.summary
  assert.equal(summary?.['total-records'], String(rows + KEYS))
  assert.equal(summary?.['total-position-deletes'], String(kind === 'new' ? 0 : KEYS))
}

function figuresOf(sizes: readonly Size[]): readonly Figure[] {
  const figures = new Figures('merge')
  const [smallest, ...larger] = sizes
  assert(smallest)
  for (const kind of KINDS) {
    for (const { rows, costs } of sizes) {
      const name = `${kind} keys, ${millions(rows)} rows`
      figures.add(
        name,
        'CPU s',
        costs[kind].map(({ cpuSeconds }) => cpuSeconds),
      )
      figures.add(
        name,
        's',
        costs[kind].map(({ wallSeconds }) => wallSeconds),
      )
    }
    // Each size has to keep the target, not the largest alone: the engine joins some sizes in another way than others.
    for (const { rows, costs } of larger) {
      const ratios = costs[kind].map(
        ({ cpuSeconds }, round) => cpuSeconds / (smallest.costs[kind][round]?.cpuSeconds ?? Number.NaN),
      )
      const name = `${kind} keys, ${millions(rows)} to ${millions(smallest.rows)} rows`
      figures.add(name, 'x', ratios, { bound: 'at most', value: TO_SMALLEST_MAX })
    }
  }
  for (const { rows, costs, floor } of sizes) {
    const seconds = floor.map(({ cpuSeconds }) => cpuSeconds)
    figures.add(`reading ${millions(rows)} keys alone`, 'CPU s', seconds)
    const ratios = costs.existing.map(({ cpuSeconds }, round) => cpuSeconds / (seconds[round] ?? Number.NaN))
    figures.add(`existing keys, ${millions(rows)} rows to reading them alone`, 'x', ratios)
  }
  return figures.all
}

function millions(rows: number): string {
  return `${rows / 1e6}M`
}
