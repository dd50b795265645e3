import assert from 'node:assert/strict'
import type { DataFile, LiveEntry } from '../../src/format/manifest-types.ts'
import type { TableMetadata } from '../../src/format/metadata-types.ts'
import { randomUuid } from '../../src/random.ts'
import type { FileInSpec } from '../../src/table/position-deletes.ts'
import { planScan, type ScanTask } from '../../src/table/scan.ts'
import type { Process } from './world.ts'

/** A row of every simulated table. */
export interface Row {
  readonly key: string
  readonly value: number
}

/** A live row and where it is. */
export interface PlacedRow {
  readonly row: Row
  readonly task: ScanTask
  readonly position: number
}

type Context = Process['context']

/** Writes rows as an engine does, and makes them durable: JSON stands for Parquet here. */
export function writeRows(
  context: Context,
  metadata: TableMetadata,
  rows: readonly Row[],
): Promise<DataFile> {
  return writeBlob(context, metadata, rows, { content: 'data' })
}

/** Position deletes of one data file. */
export async function writeDeletes(
  context: Context,
  metadata: TableMetadata,
  { entry }: ScanTask,
  positions: readonly number[],
): Promise<FileInSpec> {
  const file = await writeBlob(context, metadata, positions, {
    content: 'position-deletes',
    referencedDataFile: entry.file.filePath,
  })
  return { specId: entry.specId, file }
}

/** The live rows of a snapshot (@default the current one), as a reader that trusts nothing finds them. */
export async function readRows(
  context: Context,
  metadata: TableMetadata,
  snapshotId?: bigint,
): Promise<readonly PlacedRow[]> {
  const plan = await planScan(context, metadata, snapshotId === undefined ? {} : { snapshotId })
  const placed: PlacedRow[] = []
  for (const task of plan.tasks) {
    const deleted = new Set<unknown>()
    for (const { entry } of task.deletes) {
      for (const position of await readBlob(context, entry)) deleted.add(position)
    }
    const rows = (await readBlob(context, task.entry)) as Row[]
    rows.forEach((row, position) => {
      if (!deleted.has(position)) placed.push({ row, task, position })
    })
  }
  return placed
}

export function toRows(placed: readonly PlacedRow[]): readonly Row[] {
  return placed.map(({ row }) => row)
}

async function writeBlob(
  context: Context,
  metadata: TableMetadata,
  items: readonly unknown[],
  kind: Pick<DataFile, 'content' | 'referencedDataFile'>,
): Promise<DataFile> {
  const filePath = `${metadata.location}/data/${randomUuid(context.random)}.parquet`
  const bytes = new TextEncoder().encode(JSON.stringify(items))
  await context.io.writeUnsynced(filePath, bytes)
  await context.io.sync([filePath])
  return {
    ...kind,
    filePath,
    fileFormat: 'PARQUET',
    partition: [],
    recordCount: items.length,
    fileSizeBytes: bytes.length,
    // As files with field ids have it: of others the footer would be looked for.
    valueCounts: new Map([[1, items.length]]),
  }
}

async function readBlob(context: Context, { file }: LiveEntry): Promise<readonly unknown[]> {
  const bytes = await context.io.read(file.filePath)
  assert.equal(bytes.length, file.fileSizeBytes, `${file.filePath} is torn`)
  const items: unknown = JSON.parse(new TextDecoder().decode(bytes))
  assert.ok(Array.isArray(items) && items.length === file.recordCount, `${file.filePath} lacks rows`)
  return items
}
