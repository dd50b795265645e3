import { decodeValue, encodeValue } from '../format/bounds.ts'
import type { DataFile, LiveEntry } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { partitionType } from '../format/partition-spec.ts'
import { currentSchema, fieldsById } from '../format/schema.ts'
import { valueToJson } from '../format/single-value-json.ts'
import { isPrimitive } from '../format/types.ts'
import { fileKey } from '../table/file-key.ts'
import { specById } from '../table/partition-columns.ts'
import { partitionKey } from '../table/partition-key.ts'
import type { ScanTask } from '../table/scan.ts'
import { filterToJson, residualOf, type ScanFilter } from '../table/scan-filter.ts'

/** A task, and what its rows are still to be asked. */
export interface PlannedTask extends ScanTask {
  readonly residual: ScanFilter
}

/** The tasks with what their partitions leave of the filter. */
export function withResiduals(
  metadata: TableMetadata,
  filter: ScanFilter,
  tasks: readonly ScanTask[],
): readonly PlannedTask[] {
  const residuals = new Map<string, ScanFilter>()
  return tasks.map(task => {
    const key = partitionKey(task.entry)
    const known = residuals.get(key)
    const residual =
      known ?? residualOf(filter, specById(metadata, task.entry.specId), metadata.schemas, task.entry.file)
    residuals.set(key, residual)
    return { ...task, residual }
  })
}

/** Tasks as JSON (REST spec, ScanTasks). @param statsFields by field id, the columns whose statistics are told */
export function toScanTasksJson(
  metadata: TableMetadata,
  tasks: readonly PlannedTask[],
  statsFields: ReadonlySet<number>,
): Record<string, unknown> {
  const places = new Map<string, number>()
  const deleteFiles: unknown[] = []
  const placeOf = (entry: LiveEntry): number => {
    const key = fileKey(entry.file)
    const known = places.get(key)
    if (known !== undefined) return known
    places.set(key, deleteFiles.length)
    return deleteFiles.push(toDeleteFileJson(metadata, entry)) - 1
  }
  const fileScanTasks = tasks.map(({ entry, deletes, residual }) => ({
    'data-file': toDataFileJson(metadata, entry, statsFields),
    ...(deletes.length > 0 && { 'delete-file-references': deletes.map(each => placeOf(each.entry)) }),
    'residual-filter': filterToJson(residual),
  }))
  return {
    ...(deleteFiles.length > 0 && { 'delete-files': deleteFiles }),
    'file-scan-tasks': fileScanTasks,
  }
}

/** REST spec, ContentFile. */
function toContentFileJson(metadata: TableMetadata, { specId, file }: LiveEntry): Record<string, unknown> {
  const columns = partitionType(specById(metadata, specId), metadata.schemas)
  return {
    'spec-id': specId,
    partition: columns.map(({ type }, index) => valueToJson(type, file.partition[index] ?? null)),
    content: file.content,
    'file-path': file.filePath,
    'file-format': file.fileFormat.toLowerCase(),
    'file-size-in-bytes': file.fileSizeBytes,
    'record-count': file.recordCount,
    ...(file.keyMetadata && { 'key-metadata': valueToJson('binary', file.keyMetadata) }),
    ...(file.splitOffsets && { 'split-offsets': file.splitOffsets }),
    ...(file.sortOrderId !== undefined && { 'sort-order-id': file.sortOrderId }),
  }
}

/** REST spec, DataFile. */
function toDataFileJson(
  metadata: TableMetadata,
  entry: LiveEntry,
  statsFields: ReadonlySet<number>,
): Record<string, unknown> {
  const { file } = entry
  return {
    ...toContentFileJson(metadata, entry),
    ...(file.firstRowId !== undefined && { 'first-row-id': file.firstRowId }),
    ...(statsFields.size > 0 && statisticsOf(metadata, file, statsFields)),
  }
}

/** REST spec, DeleteFile; `referenced-data-file` is not in it, and is what engines find the rows of a deletion vector by. */
function toDeleteFileJson(metadata: TableMetadata, entry: LiveEntry): Record<string, unknown> {
  const { equalityIds, referencedDataFile, contentOffset, contentSizeBytes } = entry.file
  return {
    ...toContentFileJson(metadata, entry),
    ...(equalityIds && { 'equality-ids': equalityIds }),
    ...(referencedDataFile !== undefined && { 'referenced-data-file': referencedDataFile }),
    ...(contentOffset !== undefined && { 'content-offset': contentOffset }),
    ...(contentSizeBytes !== undefined && { 'content-size-in-bytes': contentSizeBytes }),
  }
}

function statisticsOf(
  metadata: TableMetadata,
  file: DataFile,
  statsFields: ReadonlySet<number>,
): Record<string, unknown> {
  const chosen = <V>(
    values: ReadonlyMap<number, V> | undefined,
    toJson: (id: number, value: V) => unknown,
  ) => {
    const known = [...statsFields].flatMap(id => {
      const value = values?.get(id)
      const json = value === undefined ? undefined : toJson(id, value)
      return json === undefined ? [] : [[id, json] as const]
    })
    return { keys: known.map(([id]) => id), values: known.map(([, json]) => json) }
  }
  const count = (_id: number, value: number): unknown => value
  const bound = (id: number, bytes: Uint8Array): unknown => boundToJson(metadata, id, bytes)
  return {
    'column-sizes': chosen(file.columnSizes, count),
    'value-counts': chosen(file.valueCounts, count),
    'null-value-counts': chosen(file.nullValueCounts, count),
    'nan-value-counts': chosen(file.nanValueCounts, count),
    'lower-bounds': chosen(file.lowerBounds, bound),
    'upper-bounds': chosen(file.upperBounds, bound),
  }
}

/** Undefined for a bound that is no value of the column, which then has none. */
function boundToJson(metadata: TableMetadata, id: number, bytes: Uint8Array): unknown {
  const type = fieldsById(currentSchema(metadata)).get(id)?.field.type
  if (type === undefined || !isPrimitive(type)) return undefined
  try {
    const value = decodeValue(type, bytes)
    // A text that was cut inside a character would come out as another one, on the wrong side perhaps.
    const isWhole = type !== 'string' || Buffer.compare(encodeValue(type, value), bytes) === 0
    return isWhole ? valueToJson(type, value) : undefined
  } catch {
    return undefined
  }
}
