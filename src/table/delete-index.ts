import { IngotError } from '../errors.ts'
import { isDeletionVector } from '../format/deletion-vector.ts'
import type { LiveEntry } from '../format/manifest-types.ts'
import { isUnpartitioned } from '../format/partition-spec.ts'
import type { RowPositions } from '../format/row-positions.ts'
import type { PartitionSpec } from '../format/types.ts'
import { DELETE_FILE_PATH_ID } from './delete-columns.ts'
import { partitionKey } from './partition-key.ts'

/** A delete file that a scan reads. */
export interface DeleteTask {
  readonly entry: LiveEntry
  /** How the engine's SQL names the file. */
  readonly enginePath: string
  /** Of a deletion vector: the rows that it deletes. */
  readonly vector?: RowPositions
}

/** Finds the delete files that apply to a data file (Iceberg spec, "Scan Planning"). */
export interface DeleteIndex {
  /** @throws UNSUPPORTED when one of a format that is not read applies; METADATA_INVALID when two deletion vectors do */
  deletesFor(entry: LiveEntry): readonly DeleteTask[]
}

const NO_DELETES: readonly DeleteTask[] = []

interface IndexedDelete extends DeleteTask {
  /** Bounds of the paths that it names; a file outside them is not touched. */
  readonly lowestPath: Buffer | undefined
  readonly highestPath: Buffer | undefined
}

/** An index over all live delete entries of a snapshot. @param isOurs whether Ingot itself is to read the deletes */
export function createDeleteIndex(
  deletes: readonly LiveEntry[],
  specs: readonly PartitionSpec[],
  toEnginePath: (location: string) => string,
  isOurs = true,
): DeleteIndex {
  if (deletes.length === 0) return { deletesFor: () => NO_DELETES }
  const unpartitioned = new Set(specs.filter(isUnpartitioned).map(spec => spec['spec-id']))
  const byFile = new Map<string, IndexedDelete[]>()
  const byPartition = new Map<string, IndexedDelete[]>()
  const everywhere: IndexedDelete[] = []
  for (const entry of deletes) {
    const indexed = indexDelete(entry, toEnginePath)
    if (entry.file.referencedDataFile !== undefined) append(byFile, entry.file.referencedDataFile, indexed)
    else if (entry.file.content === 'equality-deletes' && unpartitioned.has(entry.specId))
      everywhere.push(indexed)
    else append(byPartition, partitionKey(entry), indexed)
  }
  return {
    deletesFor(entry) {
      const candidates = [
        ...(byFile.get(entry.file.filePath) ?? []),
        ...(byPartition.size === 0 ? [] : (byPartition.get(partitionKey(entry)) ?? [])),
        ...everywhere,
      ]
      if (candidates.length === 0) return NO_DELETES
      const path = Buffer.from(entry.file.filePath)
      const applying = candidates.filter(candidate => applies(candidate, entry, path))
      if (isOurs) for (const { entry: found } of applying) refuseUnreadable(found)
      return withoutReplaced(applying, entry)
    },
  }
}

function indexDelete(entry: LiveEntry, toEnginePath: (location: string) => string): IndexedDelete {
  const { file } = entry
  const lower = file.lowerBounds?.get(DELETE_FILE_PATH_ID)
  const upper = file.upperBounds?.get(DELETE_FILE_PATH_ID)
  return {
    entry,
    enginePath: toEnginePath(file.filePath),
    lowestPath: lower && Buffer.from(lower),
    highestPath: upper && Buffer.from(upper),
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}

/** Position deletes apply to files of their own commit too, equality deletes to older files only. */
function applies(candidate: IndexedDelete, data: LiveEntry, path: Buffer): boolean {
  const { sequenceNumber, file } = candidate.entry
  if (file.content === 'equality-deletes') return data.sequenceNumber < sequenceNumber
  if (data.sequenceNumber > sequenceNumber) return false
  if (candidate.lowestPath !== undefined && Buffer.compare(path, candidate.lowestPath) < 0) return false
  return candidate.highestPath === undefined || Buffer.compare(path, candidate.highestPath) <= 0
}

/** A deletion vector has all that position delete files say of its data file (Iceberg spec, "Scan Planning"). */
function withoutReplaced(deletes: readonly DeleteTask[], { file }: LiveEntry): readonly DeleteTask[] {
  const vectors = deletes.filter(({ entry }) => isDeletionVector(entry.file))
  if (vectors.length === 0) return deletes
  if (vectors.length > 1) {
    throw new IngotError(
      'METADATA_INVALID',
      `data file ${file.filePath} has ${vectors.length} deletion vectors`,
      {
        hint: 'a data file has one at most: roll the table back to a snapshot before the second',
        context: { file: file.filePath, vectors: vectors.map(({ entry }) => entry.file.filePath) },
      },
    )
  }
  return [...vectors, ...deletes.filter(({ entry }) => entry.file.content === 'equality-deletes')]
}

function refuseUnreadable(entry: LiveEntry): void {
  const { content, fileFormat, filePath } = entry.file
  if (fileFormat === 'PARQUET' || isDeletionVector(entry.file)) return
  throw new IngotError('UNSUPPORTED', `${content} in format ${fileFormat} cannot be read: ${filePath}`, {
    hint: 'rewrite the data files with the engine that wrote the deletes (Spark: rewrite_data_files)',
    context: { file: filePath, content, fileFormat },
  })
}
