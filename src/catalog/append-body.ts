import { IngotError, isIngotError } from '../errors.ts'
import { readManifest, writeManifest } from '../format/manifest.ts'
import type { DataFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'

/**
 * The files of an append as they travel: a manifest (Iceberg spec, "Manifests") whose added entries inherit all else. It is
 * the one form in which every writer of Iceberg can state its files.
 */
export function encodeAppendFiles(metadata: TableMetadata, files: readonly DataFile[]): Uint8Array {
  const spec = metadata['partition-specs'].find(each => each['spec-id'] === metadata['default-spec-id'])
  if (spec === undefined) {
    throw new IngotError('METADATA_INVALID', `table at ${metadata.location} has no default partition spec`)
  }
  return writeManifest({
    entries: files.map(file => ({
      status: 'added',
      snapshotId: null,
      sequenceNumber: null,
      fileSequenceNumber: null,
      file,
    })),
    spec,
    schema: currentSchema(metadata),
    schemas: metadata.schemas,
    content: 'data',
    formatVersion: 2,
  })
}

/** @throws REQUEST_INVALID when it is no manifest, has no entries, or others than data files to add */
export function decodeAppendFiles(bytes: Uint8Array): readonly DataFile[] {
  try {
    const { entries } = readManifest(bytes)
    if (entries.length === 0) {
      throw new IngotError('REQUEST_INVALID', 'an append has no files', {
        hint: 'a table changes by files: progress alone is moved on by the next of them',
      })
    }
    const other = entries.find(({ status, file }) => status !== 'added' || file.content !== 'data')
    if (other === undefined) return entries.map(({ file }) => file)
    const { status, file } = other
    throw new IngotError('REQUEST_INVALID', `an append has ${status} ${file.content}: ${file.filePath}`, {
      hint: 'an append adds data files; use a commit for all else',
    })
  } catch (cause) {
    if (isIngotError(cause, 'REQUEST_INVALID')) throw cause
    throw new IngotError('REQUEST_INVALID', `manifest is no Iceberg manifest: ${(cause as Error).message}`, {
      cause,
      hint: 'send the bytes of an Avro manifest, in base64',
    })
  }
}
