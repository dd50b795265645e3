import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { currentSnapshot } from '../src/format/snapshot.ts'
import type { TableContext } from '../src/table/staged-table.ts'
import { type BenchOptions, withTempFolder } from './bench-options.ts'
import {
  commitAppend,
  createBenchTable,
  openBenchPlatform,
  SYNTHETIC_COLUMNS,
  syntheticFile,
} from './bench-tables.ts'
import { type Figure, Figures } from './figure.ts'
import { measure } from './measure.ts'

const ROUNDS = 5
const FILE_BYTES = 4096

/** What one round reached, a second. */
interface Rates {
  readonly commits: number
  readonly creates: number
}

/** Durable commits of one file each on a local disk, against durable creates of small files, in turns. */
export async function benchCommits({ isQuick, onProgress }: BenchOptions): Promise<readonly Figure[]> {
  const figures = new Figures('commits')
  const perRound = isQuick ? 16 : 80
  for (const tables of [1, 8]) {
    const rates = await withTempFolder(folder => rounds(folder, tables, perRound))
    const name = tables === 1 ? 'one after the other' : `${tables} at once, each on its table`
    const commits = rates.map(rate => rate.commits)
    figures.add(`${name}: commits`, '/s', commits)
    figures.add(
      `${name}: creates`,
      '/s',
      rates.map(rate => rate.creates),
    )
    figures.add(
      `${name}: creates to commits`,
      'x',
      rates.map(({ creates, commits }) => creates / commits),
    )
    onProgress(`${name}: ${commits.map(rate => rate.toFixed(0)).join(', ')} commits/s`)
  }
  return figures.all
}

async function rounds(folder: string, tableCount: number, perRound: number): Promise<Rates[]> {
  await using platform = await openBenchPlatform(folder)
  const { context } = platform
  const root = `${platform.config.storage.root}/raw`
  await context.io.makeFolder(root)
  const tables = await Promise.all(
    Array.from({ length: tableCount }, (_, index) =>
      createBenchTable(context, `t${index}`, SYNTHETIC_COLUMNS),
    ),
  )
  const bytes = context.random.bytes(FILE_BYTES)
  const perTable = perRound / tableCount
  const rates: Rates[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const creates = await rateOf(tables, perTable, (table, index) =>
      context.io.create(`${root}/${table.identifier.name}-${round}-${index}`, bytes),
    )
    const commits = await rateOf(tables, perTable, (table, index) =>
      commitAppend(context, table.identifier, [syntheticFile(context, table.metadata.location, index)]),
    )
    rates.push({ creates, commits })
  }
  for (const table of tables) await requireFiles(context, table, ROUNDS * perTable)
  return rates
}

/** How often a second `work` is done when each table has its own loop, and all loops run at once. */
async function rateOf(
  tables: readonly LoadedTable[],
  perTable: number,
  work: (table: LoadedTable, index: number) => Promise<unknown>,
): Promise<number> {
  const loop = async (table: LoadedTable): Promise<void> => {
    for (let index = 0; index < perTable; index += 1) await work(table, index)
  }
  const { wallSeconds } = await measure(async () => {
    await Promise.all(tables.map(loop))
  })
  return (tables.length * perTable) / wallSeconds
}

/** No commit was lost, and none was applied twice. */
async function requireFiles({ catalog }: TableContext, table: LoadedTable, files: number): Promise<void> {
  const { metadata } = await catalog.loadTable(table.identifier)
  assert.equal(currentSnapshot(metadata)?.summary['total-data-files'], String(files))
}
