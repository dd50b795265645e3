import { IngotError } from '../errors.ts'
import type { DataFile, LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { hasFieldIds, nameMappingOf, withMappedIds } from '../format/name-mapping.ts'
import {
  FOOTER_END_BYTES,
  footerLength,
  type ParquetField,
  parseParquetSchema,
} from '../format/parquet-schema.ts'
import type { FileIO } from '../storage/file-io.ts'
import { forEachParallel } from '../storage/for-each-parallel.ts'
import type { TableContext } from './staged-table.ts'

/** The columns of Parquet files as their footers have them, by location: files are immutable. */
export interface ParquetSchemaCache {
  get(location: string): readonly ParquetField[] | undefined
  /** Returns the columns as they are kept: one object for all files that have the same. */
  set(location: string, columns: readonly ParquetField[]): readonly ParquetField[]
}

export interface ParquetSchemaCacheOptions {
  /** @default 100_000 */
  readonly filesMax?: number
}

const SHAPES_MAX = 1000

/** A cache in memory; when it is full it forgets the file that it was told of first. */
export function createParquetSchemaCache({
  filesMax = 100_000,
}: ParquetSchemaCacheOptions = {}): ParquetSchemaCache {
  // A Map iterates in the order of insertion.
  const kept = new Map<string, readonly ParquetField[]>()
  const shapes = new Map<string, readonly ParquetField[]>()
  return {
    get: location => kept.get(location),
    set(location, columns) {
      const shape = JSON.stringify(columns)
      const same = shapes.get(shape) ?? columns
      if (shapes.size >= SHAPES_MAX) shapes.clear()
      shapes.set(shape, same)
      kept.set(location, same)
      for (const oldest of kept.keys()) {
        if (kept.size <= filesMax) break
        kept.delete(oldest)
      }
      return same
    },
  }
}

/** What is known of how a file stores its columns. */
export interface StoredColumns {
  /** Of a file without field ids: its columns, with the ids that the table's name mapping gives them. */
  readonly storedColumns?: readonly ParquetField[]
}

/**
 * The tasks, those of files without field ids with the columns that they store, whose ids are those of the table's name mapping
 * (Iceberg spec, "Column Projection"). Footers are read only where files can be such: in tables that have a mapping, and of files
 * whose writer counted the values of no column.
 * @throws METADATA_INVALID for a mapping or a file that is damaged; FILE_NOT_FOUND
 */
export async function loadStoredColumns<Task extends { readonly entry: LiveEntry }>(
  context: Pick<TableContext, 'io' | 'parquetSchemas'>,
  metadata: TableMetadata,
  tasks: readonly Task[],
): Promise<readonly (Task & StoredColumns)[]> {
  const mapping = nameMappingOf(metadata)
  const unsure = tasks
    .map(({ entry }) => entry.file)
    .filter(file => file.fileFormat === 'PARQUET' && (mapping !== undefined || !countsValues(file)))
  if (unsure.length === 0) return tasks
  const cache = context.parquetSchemas ?? createParquetSchemaCache()
  const stored = new Map<string, readonly ParquetField[]>()
  await forEachParallel(unsure, async file => {
    const { filePath } = file
    const found = cache.get(filePath) ?? cache.set(filePath, await readSchema(context.io, file))
    stored.set(filePath, found)
  })
  const mapped = new Map(
    [...new Set(stored.values())]
      .filter(columns => !hasFieldIds(columns))
      .map(columns => [columns, withMappedIds(columns, mapping ?? [])]),
  )
  return tasks.map(task => {
    const columns = stored.get(task.entry.file.filePath)
    const storedColumns = columns && mapped.get(columns)
    return storedColumns === undefined ? task : { ...task, storedColumns }
  })
}

function countsValues({ valueCounts }: DataFile): boolean {
  return valueCounts !== undefined && valueCounts.size > 0
}

/** Holds the footers of most files. */
const TAIL_BYTES = 64 * 1024

async function readSchema(
  io: FileIO,
  { filePath, fileSizeBytes: end }: DataFile,
): Promise<readonly ParquetField[]> {
  try {
    const tail = await io.read(filePath, { start: Math.max(0, end - TAIL_BYTES), end })
    const length = footerLength(tail) + FOOTER_END_BYTES
    if (length > end) throw new RangeError(`its footer is said to have ${length} bytes`)
    const footer =
      length <= tail.length ? tail.subarray(-length) : await io.read(filePath, { start: end - length, end })
    return parseParquetSchema(footer)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new IngotError(
      'METADATA_INVALID',
      `data file ${filePath} is not a Parquet file of ${end} bytes: ${error.message}`,
      { hint: 'restore the file from a copy', context: { file: filePath, sizeBytes: end }, cause: error },
    )
  }
}
