import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { writeManifest } from '../../src/format/manifest.ts'
import { writeManifestList } from '../../src/format/manifest-list.ts'
import type { DataFile, EntryStatus, ManifestFile } from '../../src/format/manifest-types.ts'
import type { Snapshot, Update } from '../../src/format/metadata-types.ts'
import { currentSchema } from '../../src/format/schema.ts'
import { randomSnapshotId, systemRandom } from '../../src/random.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'

/** What a writer of its own kind puts into a snapshot; whatever is left out is as it should be. */
export interface ForeignSnapshot {
  /** Locations of files, of which nothing but their names is there. */
  readonly files?: readonly string[]
  readonly content?: DataFile['content']
  readonly status?: EntryStatus
  /** Where the manifest is written. */
  readonly manifestPath?: string
  /** Manifests that are named besides, which are there already. */
  readonly manifests?: readonly string[]
  /** Where the list is written. */
  readonly listPath?: string
  readonly parentSnapshotId?: bigint
}

const io = createLocalFileIO()

/** Writes a manifest and a list as a writer does that goes by no rules, and answers the updates that would commit them. */
export async function foreignSnapshot(
  { metadata }: LoadedTable,
  options: ForeignSnapshot,
): Promise<readonly Update[]> {
  const { files = [], content = 'data', status = 'added', manifests = [], parentSnapshotId } = options
  const folder = `${metadata.location}/metadata`
  const snapshotId = randomSnapshotId(systemRandom)
  const sequenceNumber = metadata['last-sequence-number'] + 1
  const { manifestPath = `${folder}/${snapshotId}-m0.avro` } = options
  const [spec] = metadata['partition-specs']
  if (spec === undefined) throw new Error('the table has no spec')
  const known = status === 'added' ? null : sequenceNumber
  const manifest = writeManifest({
    entries: files.map(filePath => ({
      status,
      snapshotId: status === 'added' ? null : snapshotId,
      sequenceNumber: known,
      fileSequenceNumber: known,
      file: { content, filePath, fileFormat: 'PARQUET', partition: [], recordCount: 1, fileSizeBytes: 1 },
    })),
    spec,
    schema: currentSchema(metadata),
    schemas: metadata.schemas,
    content: content === 'data' ? 'data' : 'deletes',
    formatVersion: 2,
  })
  if (options.files !== undefined) await io.create(manifestPath, manifest)
  const line = (path: string): ManifestFile => ({
    manifestPath: path,
    manifestLength: manifest.length,
    partitionSpecId: spec['spec-id'],
    content: content === 'data' ? 'data' : 'deletes',
    sequenceNumber,
    minSequenceNumber: sequenceNumber,
    addedSnapshotId: snapshotId,
    addedFilesCount: files.length,
    existingFilesCount: 0,
    deletedFilesCount: 0,
    addedRowsCount: files.length,
    existingRowsCount: 0,
    deletedRowsCount: 0,
    partitions: [],
  })
  const { listPath = `${folder}/snap-${snapshotId}.avro` } = options
  const list = writeManifestList({
    manifests: [...(options.files === undefined ? [] : [manifestPath]), ...manifests].map(line),
    snapshotId,
    parentSnapshotId,
    sequenceNumber,
    formatVersion: 2,
  })
  await io.create(listPath, list)
  const snapshot: Snapshot = {
    'snapshot-id': snapshotId,
    ...(parentSnapshotId !== undefined && { 'parent-snapshot-id': parentSnapshotId }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': Date.now(),
    'manifest-list': listPath,
    summary: { operation: 'append' },
    'schema-id': metadata['current-schema-id'],
  }
  return [
    { action: 'add-snapshot', snapshot },
    { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
  ]
}
