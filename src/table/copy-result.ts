import { IngotError } from '../errors.ts'
import { boundsFromText } from '../format/bounds.ts'
import type { DataFile, PrimitiveValue } from '../format/manifest-types.ts'
import type { EngineResult, EngineValue } from './engine.ts'
import type { LeafColumn } from './parquet-columns.ts'

/** One file as the engine's `COPY … (RETURN_STATS)` reports it. */
export interface WrittenFile {
  readonly enginePath: string
  readonly recordCount: number
  readonly fileSizeBytes: number
  /** Statistics by column path, each a map of name to text. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Folder texts by column name, decoded; null where the folder stands for null. */
  readonly partitionKeys: ReadonlyMap<string, string | null>
}

/** Reads the rows of a COPY with RETURN_STATS, one a file. */
export function readCopyResult(result: EngineResult): WrittenFile[] {
  const index = new Map(result.columns.map((column, position) => [column.name, position]))
  return result.rows.map(row => {
    const cell = (name: string): EngineValue => row[index.get(name) ?? -1] ?? null
    const enginePath = cell('filename')
    if (typeof enginePath !== 'string') throw unreadable('filename')
    return {
      enginePath,
      recordCount: Number(cell('count')),
      fileSizeBytes: Number(cell('file_size_bytes')),
      columns: new Map(
        entriesOf(cell('column_statistics')).map(([path, statistics]) => [
          path,
          new Map(entriesOf(statistics).map(([name, value]) => [name, String(value)])),
        ]),
      ),
      partitionKeys: new Map(
        entriesOf(cell('partition_keys')).map(([name, value]) => [
          name,
          value === null ? null : String(value),
        ]),
      ),
    }
  })
}

function entriesOf(map: EngineValue): [string, EngineValue][] {
  if (map === null) return []
  if (!Array.isArray(map)) throw unreadable('map')
  return map.map((entry: EngineValue) => {
    if (!Array.isArray(entry)) throw unreadable('map entry')
    return [String(entry[0]), entry[1] ?? null]
  })
}

function unreadable(what: string): IngotError {
  return new IngotError('ENGINE_FAILED', `the engine reported a written file without a readable ${what}`, {
    hint: 'use the pinned version of @duckdb/node-api',
  })
}

/** The manifest's description of a written file: counts for every leaf column, bounds for those outside lists and maps. */
export function toDataFile(
  file: WrittenFile,
  location: string,
  leaves: ReadonlyMap<string, LeafColumn>,
  partition: readonly (PrimitiveValue | null)[],
): DataFile {
  const columnSizes = new Map<number, number>()
  const valueCounts = new Map<number, number>()
  const nullValueCounts = new Map<number, number>()
  const nanValueCounts = new Map<number, number>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [path, statistics] of file.columns) {
    const leaf = leaves.get(path)
    if (leaf === undefined) continue
    columnSizes.set(leaf.fieldId, Number(statistics.get('column_size_bytes') ?? 0))
    valueCounts.set(leaf.fieldId, Number(statistics.get('num_values') ?? 0))
    const nullCount = statistics.get('null_count')
    if (nullCount !== undefined) nullValueCounts.set(leaf.fieldId, Number(nullCount))
    // The engine tells whether there is a NaN, not how many.
    if (statistics.get('has_nan') === 'false') nanValueCounts.set(leaf.fieldId, 0)
    if (leaf.repeated) continue
    const { lower, upper } = boundsFromText(leaf.type, statistics.get('min'), statistics.get('max'))
    if (lower !== undefined) lowerBounds.set(leaf.fieldId, lower)
    if (upper !== undefined) upperBounds.set(leaf.fieldId, upper)
  }
  return {
    content: 'data',
    filePath: location,
    fileFormat: 'PARQUET',
    partition,
    recordCount: file.recordCount,
    fileSizeBytes: file.fileSizeBytes,
    columnSizes,
    valueCounts,
    nullValueCounts,
    nanValueCounts,
    lowerBounds,
    upperBounds,
  }
}
