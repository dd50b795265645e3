import { encodeValue } from '../format/bounds.ts'
import type { DataFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { Schema } from '../format/types.ts'
import { randomUuid } from '../random.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { readCopyResult, toDataFile } from './copy-result.ts'
import { DELETE_FILE_PATH_ID, DELETE_POSITION_ID } from './delete-columns.ts'
import type { EngineSession } from './engine.ts'
import { fieldIdsSql, leafColumns } from './parquet-columns.ts'
import { partitionKey } from './partition-key.ts'
import type { ScanTask } from './scan.ts'
import type { TableContext } from './staged-table.ts'

/** A temporary table of positions of rows, and the names of its columns. */
export interface Hits {
  readonly table: string
  /** The file as the engine names it. */
  readonly file: string
  /** The row's number in the file, from 0. */
  readonly row: string
}

/** A file and the partition spec that its partition values follow. */
export interface FileInSpec {
  readonly specId: number
  readonly file: DataFile
}

/** Iceberg spec, "Position Delete Files". */
const DELETE_SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    { id: DELETE_FILE_PATH_ID, name: 'file_path', required: true, type: 'string' },
    { id: DELETE_POSITION_ID, name: 'pos', required: true, type: 'long' },
  ],
}

/** Writes position deletes for the hits in the given files, durable: one delete file for each partition. */
export async function writePositionDeletes(
  context: TableContext,
  session: EngineSession,
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  hits: Hits,
): Promise<FileInSpec[]> {
  const byPartition = new Map<string, ScanTask[]>()
  for (const task of tasks) {
    const key = partitionKey(task.entry)
    byPartition.set(key, [...(byPartition.get(key) ?? []), task])
  }
  const written: FileInSpec[] = []
  for (const group of byPartition.values()) {
    written.push(...(await writeDeleteFile(context, session, metadata, group, hits)))
  }
  await context.io.sync(written.map(({ file }) => file.filePath))
  return written
}

async function writeDeleteFile(
  context: TableContext,
  session: EngineSession,
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  hits: Hits,
): Promise<FileInSpec[]> {
  const location = `${metadata.location}/data/${randomUuid(context.random)}-deletes.parquet`
  const copied = await session.query(
    [
      `COPY (SELECT f.location AS file_path, h.${quoteIdentifier(hits.row)} AS pos`,
      `FROM ${quoteIdentifier(hits.table)} AS h JOIN (VALUES ${tasks.map(pathPair).join(', ')}) AS f(path, location)`,
      `ON f.path = h.${quoteIdentifier(hits.file)} ORDER BY file_path, pos)`,
      `TO ${quoteLiteral(context.io.toEnginePath(location))}`,
      `(FORMAT parquet, RETURN_STATS, COMPRESSION zstd, FIELD_IDS ${fieldIdsSql(DELETE_SCHEMA)})`,
    ].join(' '),
  )
  const [first] = tasks
  const leaves = leafColumns(DELETE_SCHEMA)
  return readCopyResult(copied).map(result => ({
    specId: first?.entry.specId ?? 0,
    file: withPaths(toDataFile(result, location, leaves, first?.entry.file.partition ?? []), tasks),
  }))
}

function pathPair(task: ScanTask): string {
  return `(${quoteLiteral(task.enginePath)}, ${quoteLiteral(task.entry.file.filePath)})`
}

/** Bounds of whole paths, not of their first characters, which all files of a table share. */
function withPaths(file: DataFile, tasks: readonly ScanTask[]): DataFile {
  const paths = tasks.map(task => encodeValue('string', task.entry.file.filePath)).sort(Buffer.compare)
  const [lowest] = paths
  const highest = paths.at(-1)
  const [only, another] = tasks
  return {
    ...file,
    content: 'position-deletes',
    ...(lowest && { lowerBounds: new Map(file.lowerBounds).set(DELETE_FILE_PATH_ID, lowest) }),
    ...(highest && { upperBounds: new Map(file.upperBounds).set(DELETE_FILE_PATH_ID, highest) }),
    ...(only !== undefined && another === undefined ? { referencedDataFile: only.entry.file.filePath } : {}),
  }
}
