import type { LoadedTable } from '../../src/catalog/catalog.ts'
import type { DataFile } from '../../src/format/manifest-types.ts'
import { quoteLiteral } from '../../src/sql-text.ts'
import { openTable, stageProperties } from '../../src/table/stage.ts'
import { stageDelta } from '../../src/table/stage-delta.ts'
import type { TableLab } from './table-lab.ts'

/** A Parquet file that was no table's, as other engines take it into one. */
export interface AddedFile {
  /** What it holds; its columns get no field ids. */
  readonly select: string
  /** @default one that is not partitioned */
  readonly partition?: DataFile['partition']
  /** Ids of the columns that its manifest counts. @default 1 */
  readonly countedIds?: readonly number[]
}

/** Commits files without field ids. */
export async function addFiles(
  lab: TableLab,
  table: LoadedTable,
  ...files: readonly AddedFile[]
): Promise<LoadedTable> {
  const add: DataFile[] = []
  for (const file of files) add.push(await writePlainFile(lab, file))
  return lab.commit(await stageDelta(lab.context, openTable(table), { operation: 'append', add }))
}

/** Sets the table's name mapping. */
export function mapNames(lab: TableLab, table: LoadedTable, mapping: unknown): Promise<LoadedTable> {
  const set = { 'schema.name-mapping.default': JSON.stringify(mapping) }
  return lab.commit(stageProperties(openTable(table), { set }))
}

async function writePlainFile(
  lab: TableLab,
  { select, partition = [], countedIds = [1] }: AddedFile,
): Promise<DataFile> {
  const filePath = `file://${lab.folder}/${crypto.randomUUID()}.parquet`
  const path = quoteLiteral(lab.context.io.toEnginePath(filePath))
  const { rows } = await lab.session.query(`COPY (${select}) TO ${path} (FORMAT parquet)`)
  const recordCount = Number(rows[0]?.[0] ?? 0)
  const stat = await lab.context.io.stat(filePath)
  return {
    content: 'data',
    filePath,
    fileFormat: 'PARQUET',
    partition,
    recordCount,
    fileSizeBytes: stat?.sizeBytes ?? 0,
    valueCounts: new Map(countedIds.map(id => [id, recordCount])),
  }
}
