import { readAvro, writeAvro } from './avro.ts'
import { type FieldWriter, itemsOf, RecordReader, recordOfSubject, recordSchema } from './avro-record.ts'
import type { AvroSchema, AvroValue } from './avro-schema.ts'
import { withoutUndefined } from './json-reader.ts'
import type { ManifestFile, PartitionFieldSummary } from './manifest-types.ts'

const SUMMARY_WRITERS: readonly FieldWriter<PartitionFieldSummary>[] = [
  { id: 509, name: 'contains_null', type: 'boolean', valueOf: summary => summary.containsNull },
  { id: 518, name: 'contains_nan', type: 'boolean', optional: true, valueOf: summary => summary.containsNan },
  { id: 510, name: 'lower_bound', type: 'bytes', optional: true, valueOf: summary => summary.lowerBound },
  { id: 511, name: 'upper_bound', type: 'bytes', optional: true, valueOf: summary => summary.upperBound },
]

const WRITERS: readonly FieldWriter<ManifestFile>[] = [
  { id: 500, name: 'manifest_path', type: 'string', valueOf: manifest => manifest.manifestPath },
  { id: 501, name: 'manifest_length', type: 'long', valueOf: manifest => manifest.manifestLength },
  { id: 502, name: 'partition_spec_id', type: 'int', valueOf: manifest => manifest.partitionSpecId },
  { id: 517, name: 'content', type: 'int', valueOf: manifest => (manifest.content === 'data' ? 0 : 1) },
  { id: 515, name: 'sequence_number', type: 'long', valueOf: manifest => manifest.sequenceNumber },
  { id: 516, name: 'min_sequence_number', type: 'long', valueOf: manifest => manifest.minSequenceNumber },
  { id: 503, name: 'added_snapshot_id', type: 'long', valueOf: manifest => manifest.addedSnapshotId },
  { id: 504, name: 'added_files_count', type: 'int', valueOf: manifest => manifest.addedFilesCount },
  { id: 505, name: 'existing_files_count', type: 'int', valueOf: manifest => manifest.existingFilesCount },
  { id: 506, name: 'deleted_files_count', type: 'int', valueOf: manifest => manifest.deletedFilesCount },
  { id: 512, name: 'added_rows_count', type: 'long', valueOf: manifest => manifest.addedRowsCount },
  { id: 513, name: 'existing_rows_count', type: 'long', valueOf: manifest => manifest.existingRowsCount },
  { id: 514, name: 'deleted_rows_count', type: 'long', valueOf: manifest => manifest.deletedRowsCount },
  {
    id: 507,
    name: 'partitions',
    type: { type: 'array', items: recordSchema('r508', SUMMARY_WRITERS), 'element-id': 508 },
    optional: true,
    valueOf: manifest => manifest.partitions.map(summary => recordOfSubject(SUMMARY_WRITERS, summary)),
  },
  { id: 519, name: 'key_metadata', type: 'bytes', optional: true, valueOf: manifest => manifest.keyMetadata },
]

const FIRST_ROW_ID: FieldWriter<ManifestFile> = {
  id: 520,
  name: 'first_row_id',
  type: 'long',
  optional: true,
  valueOf: manifest => manifest.firstRowId,
}

/** The manifests of a snapshot, and which snapshot it is. */
export interface WriteManifestListOptions {
  readonly manifests: readonly ManifestFile[]
  readonly snapshotId: bigint
  readonly parentSnapshotId: bigint | undefined
  readonly sequenceNumber: number
  readonly formatVersion: 2 | 3
}

/** The bytes of a manifest list (Iceberg spec, "Manifest Lists"). */
export function writeManifestList(options: WriteManifestListOptions): Uint8Array {
  const { manifests, snapshotId, parentSnapshotId, sequenceNumber, formatVersion } = options
  const writers = formatVersion === 3 ? [...WRITERS, FIRST_ROW_ID] : WRITERS
  return writeAvro({
    schema: recordSchema('manifest_file', writers),
    metadata: new Map([
      ['snapshot-id', String(snapshotId)],
      ['parent-snapshot-id', parentSnapshotId === undefined ? 'null' : String(parentSnapshotId)],
      ['sequence-number', String(sequenceNumber)],
      ['format-version', String(formatVersion)],
    ]),
    records: manifests.map(manifest => recordOfSubject(writers, manifest)),
  })
}

/**
 * Reads a manifest list of any format version, fields found by id. Counts that version 1 leaves out are 0, but that of
 * added files is 1, so that nobody skips the manifest as an empty one.
 */
export function readManifestList(bytes: Uint8Array): readonly ManifestFile[] {
  const { schema, records } = readAvro(bytes)
  const fields = new RecordReader(schema)
  const manifestPath = fields.requiredPicker(500)
  const manifestLength = fields.requiredPicker(501)
  const addedSnapshotId = fields.requiredPicker(503)
  const content = fields.picker(517)
  const partitions = fields.picker(507)
  const keyMetadata = fields.picker(519)
  const firstRowId = fields.picker(520)
  const readSummary = summaryReader(fields.field(507)?.type)
  const readCounts = countReader(fields)
  return records.map(record =>
    withoutUndefined<ManifestFile>({
      manifestPath: manifestPath(record) as string,
      manifestLength: Number(manifestLength(record)),
      content: Number(content(record)) === 0 ? 'data' : 'deletes',
      addedSnapshotId: BigInt(addedSnapshotId(record) as number | bigint),
      ...readCounts(record),
      partitions: ((partitions(record) ?? []) as readonly AvroValue[]).map(readSummary),
      keyMetadata: (keyMetadata(record) as Uint8Array | null) ?? undefined,
      firstRowId: toBigInt(firstRowId(record)),
    }),
  )
}

type Counts = Omit<
  ManifestFile,
  | 'manifestPath'
  | 'manifestLength'
  | 'content'
  | 'addedSnapshotId'
  | 'partitions'
  | 'keyMetadata'
  | 'firstRowId'
>

function countReader(fields: RecordReader): (record: AvroValue) => Counts {
  const number = (id: number, otherwise = 0) => {
    const pick = fields.picker(id)
    return (record: AvroValue): number => Number(pick(record) ?? otherwise)
  }
  const partitionSpecId = number(502)
  const sequenceNumber = number(515)
  const minSequenceNumber = number(516)
  const addedFilesCount = number(504, 1)
  const existingFilesCount = number(505)
  const deletedFilesCount = number(506)
  const addedRowsCount = number(512)
  const existingRowsCount = number(513)
  const deletedRowsCount = number(514)
  return record => ({
    partitionSpecId: partitionSpecId(record),
    sequenceNumber: sequenceNumber(record),
    minSequenceNumber: minSequenceNumber(record),
    addedFilesCount: addedFilesCount(record),
    existingFilesCount: existingFilesCount(record),
    deletedFilesCount: deletedFilesCount(record),
    addedRowsCount: addedRowsCount(record),
    existingRowsCount: existingRowsCount(record),
    deletedRowsCount: deletedRowsCount(record),
  })
}

function summaryReader(schema: AvroSchema | undefined): (record: AvroValue) => PartitionFieldSummary {
  if (schema === undefined) return () => ({ containsNull: true })
  const fields = new RecordReader(itemsOf(schema))
  const containsNull = fields.picker(509)
  const containsNan = fields.picker(518)
  const lowerBound = fields.picker(510)
  const upperBound = fields.picker(511)
  return record =>
    withoutUndefined<PartitionFieldSummary>({
      containsNull: containsNull(record) !== false,
      containsNan: (containsNan(record) as boolean | null) ?? undefined,
      lowerBound: (lowerBound(record) as Uint8Array | null) ?? undefined,
      upperBound: (upperBound(record) as Uint8Array | null) ?? undefined,
    })
}

function toBigInt(value: AvroValue): bigint | undefined {
  return value === null ? undefined : BigInt(value as number | bigint)
}
