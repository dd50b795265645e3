import assert from 'node:assert/strict'
import type { LoadedTable } from '../src/catalog/catalog.ts'
import { loadConfig } from '../src/config.ts'
import { encodeValue } from '../src/format/bounds.ts'
import type { DataFile } from '../src/format/manifest-types.ts'
import type { PrimitiveType, Schema } from '../src/format/types.ts'
import { openPlatform, type Platform } from '../src/platform.ts'
import { randomUuid } from '../src/random.ts'
import { stageAppend } from '../src/table/stage-delta.ts'
import type { TableContext } from '../src/table/staged-table.ts'
import { Transaction } from '../src/table/transaction.ts'
import type { TableIdentifier } from '../src/table-identifier.ts'

const NAMESPACE = ['bench']

/** The columns of tables whose files are synthetic. */
export const SYNTHETIC_COLUMNS = { id: 'long', at: 'timestamp', name: 'string', amount: 'double' } as const

/** How many ids each synthetic file spans; file n begins at n times this. */
export const ROWS_PER_FILE = 1000

/** A platform, with its catalog and its files in `folder`, that has a namespace for the tables of a benchmark. */
export async function openBenchPlatform(folder: string): Promise<Platform> {
  const platform = await openPlatform(loadConfig(folder, { INGOT_LOG_LEVEL: 'warn' }))
  await platform.context.catalog.createNamespace(NAMESPACE)
  return platform
}

/** An empty, unpartitioned table; ids of columns count from 1. */
export function createBenchTable(
  { catalog }: TableContext,
  name: string,
  columns: Readonly<Record<string, PrimitiveType>>,
): Promise<LoadedTable> {
  const fields = Object.entries(columns).map(([column, type], index) => ({
    id: index + 1,
    name: column,
    required: false,
    type,
  }))
  const schema: Schema = { type: 'struct', 'schema-id': 0, fields }
  return catalog.createTable({ identifier: { namespace: NAMESPACE, name }, schema })
}

/** Appends files to a table in a transaction of its own, as a run does. */
export async function commitAppend(
  context: TableContext,
  identifier: TableIdentifier,
  files: readonly DataFile[],
): Promise<LoadedTable> {
  const transaction = new Transaction(context)
  await transaction.update(identifier, async staged => {
    assert(staged, `no table ${identifier.name}`)
    return stageAppend(context, staged, files)
  })
  const result = await transaction.commit({ idempotencyKey: randomUuid(context.random) })
  const [table] = result?.tables ?? []
  assert(table, `the commit names no table ${identifier.name}`)
  return table
}

/** File `index` of a table of SYNTHETIC_COLUMNS, with the counts and bounds that a writer states. There is no such file. */
export function syntheticFile({ random }: TableContext, location: string, index: number): DataFile {
  const first = index * ROWS_PER_FILE
  const ids = [1, 2, 3, 4]
  return {
    content: 'data',
    filePath: `${location}/data/${randomUuid(random)}_0.parquet`,
    fileFormat: 'PARQUET',
    partition: [],
    recordCount: ROWS_PER_FILE,
    fileSizeBytes: 65_536,
    columnSizes: new Map(ids.map(id => [id, 16_000])),
    valueCounts: new Map(ids.map(id => [id, ROWS_PER_FILE])),
    nullValueCounts: new Map(ids.map(id => [id, 0])),
    lowerBounds: boundsAt(first),
    upperBounds: boundsAt(first + ROWS_PER_FILE - 1),
  }
}

function boundsAt(row: number): ReadonlyMap<number, Uint8Array> {
  return new Map([
    [1, encodeValue('long', BigInt(row))],
    [2, encodeValue('timestamp', BigInt(row) * 1_000_000n)],
    [3, encodeValue('string', `name-${String(row).padStart(10, '0')}`)],
    [4, encodeValue('double', row / 10)],
  ])
}
