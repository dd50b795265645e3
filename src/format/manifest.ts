import { IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'
import { readAvro, writeAvro } from './avro.ts'
import { type FieldWriter, RecordReader, recordOfSubject, recordSchema } from './avro-record.ts'
import { type AvroValue, avroError, namedTypes } from './avro-schema.ts'
import { lowerBound, upperBound } from './bounds.ts'
import { dataFileReader, dataFileWriters, type ExpectedPartitionField } from './data-file-avro.ts'
import type {
  DataFile,
  EntryStatus,
  LiveEntry,
  ManifestEntry,
  ManifestFile,
  PartitionFieldSummary,
  PrimitiveValue,
} from './manifest-types.ts'
import { type PartitionColumn, partitionType } from './partition-spec.ts'
import type { PartitionSpec, PrimitiveType, Schema } from './types.ts'
import { compareValues } from './values.ts'

const STATUSES: readonly EntryStatus[] = ['existing', 'added', 'deleted']

/** What one manifest holds: files of one partition spec, either data files or delete files. */
interface ManifestContent {
  readonly entries: readonly ManifestEntry[]
  readonly spec: PartitionSpec
  /** All schemas of the table, oldest first: the types of partition values come from them. */
  readonly schemas: readonly Schema[]
  readonly content: ManifestFile['content']
}

export interface WriteManifestOptions extends ManifestContent {
  /** Kept in the header for those who read the manifest alone. */
  readonly schema: Schema
  readonly formatVersion: 2 | 3
}

/** The bytes of a manifest (Iceberg spec, "Manifests"). */
export function writeManifest(options: WriteManifestOptions): Uint8Array {
  const { entries, spec, schema, schemas, content, formatVersion } = options
  const fileWriters = dataFileWriters(partitionType(spec, schemas), formatVersion)
  const entryWriters: readonly FieldWriter<ManifestEntry>[] = [
    { id: 0, name: 'status', type: 'int', valueOf: entry => STATUSES.indexOf(entry.status) },
    { id: 1, name: 'snapshot_id', type: 'long', optional: true, valueOf: entry => entry.snapshotId },
    { id: 3, name: 'sequence_number', type: 'long', optional: true, valueOf: entry => entry.sequenceNumber },
    {
      id: 4,
      name: 'file_sequence_number',
      type: 'long',
      optional: true,
      valueOf: entry => entry.fileSequenceNumber,
    },
    {
      id: 2,
      name: 'data_file',
      type: recordSchema('r2', fileWriters),
      valueOf: entry => recordOfSubject(fileWriters, entry.file),
    },
  ]
  return writeAvro({
    schema: recordSchema('manifest_entry', entryWriters),
    metadata: new Map([
      ['schema', stringifyJson(schema)],
      ['schema-id', String(schema['schema-id'])],
      ['partition-spec', stringifyJson(spec.fields)],
      ['partition-spec-id', String(spec['spec-id'])],
      ['format-version', String(formatVersion)],
      ['content', content],
    ]),
    records: entries.map(entry => recordOfSubject(entryWriters, checked(entry))),
  })
}

/** Only an added entry may inherit its sequence numbers; readers reject others (Iceberg spec, "Sequence Number Inheritance"). */
function checked(entry: ManifestEntry): ManifestEntry {
  const isComplete =
    entry.snapshotId !== null && entry.sequenceNumber !== null && entry.fileSequenceNumber !== null
  if (entry.status === 'added' || isComplete) return entry
  throw new IngotError(
    'METADATA_INVALID',
    `${entry.status} entry of ${entry.file.filePath} has no snapshot id or sequence number`,
  )
}

/** A manifest as it is in its file, before anything is inherited. */
export interface Manifest {
  readonly entries: readonly ManifestEntry[]
  /** The key metadata of the header; many writers leave some out. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Reads a manifest of any format version, fields found by id. Partition values come in the order of `partition`, widened to
 * its types; without it in the order of the spec in the header, in the types of the writer (int where it is long now).
 */
export function readManifest(bytes: Uint8Array, partition?: readonly PartitionColumn[]): Manifest {
  const { schema, metadata, records } = readAvro(bytes)
  const fields = new RecordReader(schema)
  const fileSchema = fields.field(2)?.type
  if (fileSchema === undefined) throw avroError('its records have no field 2, data_file')
  const expected =
    partition?.map(({ field, type }) => ({ id: field['field-id'], type })) ??
    headerPartition(metadata.get('partition-spec'))
  const toDataFile = dataFileReader(fileSchema, namedTypes(schema), expected)
  const status = fields.requiredPicker(0)
  const snapshotId = fields.picker(1)
  const sequenceNumber = fields.picker(3)
  const fileSequenceNumber = fields.picker(4)
  const file = fields.requiredPicker(2)
  const entries = records.map(record => ({
    status: statusOf(status(record)),
    snapshotId: toBigIntOrNull(snapshotId(record)),
    sequenceNumber: toNumberOrNull(sequenceNumber(record)),
    fileSequenceNumber: toNumberOrNull(fileSequenceNumber(record)),
    file: toDataFile(file(record)),
  }))
  return { entries, metadata }
}

function headerPartition(text: string | undefined): readonly ExpectedPartitionField[] | undefined {
  if (text === undefined) return undefined
  const fields = parseJson(text)
  if (!Array.isArray(fields)) return undefined
  const ids = fields.map((field: { readonly 'field-id'?: unknown }) => field['field-id'])
  // Version 1 may leave the ids out of the header.
  if (!ids.every(id => typeof id === 'number')) return undefined
  return ids.map(id => ({ id }))
}

function statusOf(value: AvroValue): EntryStatus {
  const status = STATUSES[Number(value)]
  if (status === undefined) throw avroError(`an entry has status ${String(value)}`)
  return status
}

function toNumberOrNull(value: AvroValue): number | null {
  return value === null ? null : Number(value)
}

function toBigIntOrNull(value: AvroValue): bigint | null {
  return value === null ? null : BigInt(value as number | bigint)
}

/**
 * The entries that are not deleted, with the sequence numbers, snapshot ids and row ids that they inherit from the line of
 * the manifest list (Iceberg spec, "Sequence Number Inheritance").
 */
export function inheritEntries(
  manifest: ManifestFile,
  entries: readonly ManifestEntry[],
): readonly LiveEntry[] {
  const live: LiveEntry[] = []
  for (const entry of entries) {
    if (entry.status === 'deleted') continue
    live.push({
      snapshotId: entry.snapshotId ?? manifest.addedSnapshotId,
      sequenceNumber: entry.sequenceNumber ?? inheritedSequenceNumber(manifest, entry),
      fileSequenceNumber: entry.fileSequenceNumber ?? inheritedSequenceNumber(manifest, entry),
      specId: manifest.partitionSpecId,
      file: entry.file,
    })
  }
  return inheritRowIds(manifest, live)
}

/** Entries with the ids of their first rows, which they inherit where they have none (Iceberg spec, "First Row ID Inheritance"). */
export function inheritRowIds(manifest: ManifestFile, entries: readonly LiveEntry[]): readonly LiveEntry[] {
  if (manifest.content === 'deletes' || manifest.firstRowId === undefined) return entries
  let nextRowId = manifest.firstRowId
  return entries.map(entry => {
    if (entry.file.firstRowId !== undefined) return entry
    const firstRowId = nextRowId
    nextRowId += BigInt(entry.file.recordCount)
    return { ...entry, file: { ...entry.file, firstRowId } }
  })
}

/** Version 1 manifests have no sequence numbers: in the list of a later version theirs is 0. */
function inheritedSequenceNumber(manifest: ManifestFile, entry: ManifestEntry): number {
  if (entry.status === 'added' || manifest.sequenceNumber === 0) return manifest.sequenceNumber
  throw new IngotError(
    'METADATA_INVALID',
    `existing entry of ${entry.file.filePath} in ${manifest.manifestPath} has no sequence number`,
    { context: { manifestPath: manifest.manifestPath, filePath: entry.file.filePath } },
  )
}

/** A manifest that was written, and the snapshot that it was written for. */
export interface SummarizeManifestOptions extends ManifestContent {
  readonly manifestPath: string
  readonly manifestLength: number
  readonly snapshotId: bigint
  readonly sequenceNumber: number
}

/** The line of the manifest list for a manifest that was written. */
export function summarizeManifest(options: SummarizeManifestOptions): ManifestFile {
  const { entries, spec, schemas, content, manifestPath, manifestLength, snapshotId, sequenceNumber } =
    options
  const added = filesOf(entries, 'added')
  const existing = filesOf(entries, 'existing')
  const deleted = filesOf(entries, 'deleted')
  const liveSequenceNumbers = entries
    .filter(entry => entry.status !== 'deleted')
    .map(entry => entry.sequenceNumber ?? sequenceNumber)
  return {
    manifestPath,
    manifestLength,
    partitionSpecId: spec['spec-id'],
    content,
    sequenceNumber,
    minSequenceNumber: liveSequenceNumbers.reduce((least, next) => Math.min(least, next), sequenceNumber),
    addedSnapshotId: snapshotId,
    addedFilesCount: added.length,
    existingFilesCount: existing.length,
    deletedFilesCount: deleted.length,
    addedRowsCount: rowsOf(added),
    existingRowsCount: rowsOf(existing),
    deletedRowsCount: rowsOf(deleted),
    partitions: summarizePartitions(entries, partitionType(spec, schemas)),
  }
}

function filesOf(entries: readonly ManifestEntry[], status: EntryStatus): readonly DataFile[] {
  return entries.filter(entry => entry.status === status).map(entry => entry.file)
}

function rowsOf(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.recordCount, 0)
}

function summarizePartitions(
  entries: readonly ManifestEntry[],
  columns: readonly PartitionColumn[],
): readonly PartitionFieldSummary[] {
  return columns.map(({ type }, index) =>
    summarizeValues(
      type,
      entries.map(entry => entry.file.partition[index] ?? null),
    ),
  )
}

function summarizeValues(
  type: PrimitiveType,
  values: readonly (PrimitiveValue | null)[],
): PartitionFieldSummary {
  let least: PrimitiveValue | undefined
  let greatest: PrimitiveValue | undefined
  let containsNull = false
  let containsNan = false
  for (const value of values) {
    if (value === null) containsNull = true
    else if (Number.isNaN(value)) containsNan = true
    else {
      if (least === undefined || compareValues(type, value, least) < 0) least = value
      if (greatest === undefined || compareValues(type, value, greatest) > 0) greatest = value
    }
  }
  const lower = least === undefined ? undefined : lowerBound(type, least)
  const upper = greatest === undefined ? undefined : upperBound(type, greatest)
  return {
    containsNull,
    containsNan,
    ...(lower && { lowerBound: lower }),
    ...(upper && { upperBound: upper }),
  }
}
