import type { ErrorCode } from '../errors.ts'
import { JsonReader, withoutUndefined } from './json-reader.ts'
import type { Snapshot, SnapshotOperation, SnapshotRef } from './metadata-types.ts'

const OPERATIONS: readonly string[] = [
  'append',
  'replace',
  'overwrite',
  'delete',
] satisfies SnapshotOperation[]

function isOperation(text: string | undefined): text is SnapshotOperation {
  return text !== undefined && OPERATIONS.includes(text)
}

/** Reads a snapshot (Iceberg spec, "Snapshots"); unknown members, such as those of version 3, are kept. */
export function parseSnapshot(
  value: unknown,
  path = 'snapshot',
  code: ErrorCode = 'METADATA_INVALID',
): Snapshot {
  return readSnapshot(new JsonReader(value, path, code))
}

/** As parseSnapshot, for a part of a larger document. */
export function readSnapshot(reader: JsonReader): Snapshot {
  if (!reader.has('manifest-list') && reader.has('manifests')) {
    throw reader.wrong(
      'manifest-list',
      'a manifest list (a version 1 list of manifests is not read)',
      undefined,
    )
  }
  return withoutUndefined<Snapshot>({
    ...reader.members,
    'snapshot-id': reader.long('snapshot-id'),
    'parent-snapshot-id': reader.optional('parent-snapshot-id', reader.long),
    'sequence-number': reader.optional('sequence-number', reader.integer) ?? 0,
    'timestamp-ms': reader.integer('timestamp-ms'),
    'manifest-list': reader.string('manifest-list'),
    summary: readSummary(reader),
    'schema-id': reader.optional('schema-id', reader.integer),
  })
}

function readSummary(reader: JsonReader): Snapshot['summary'] {
  const texts = reader.optional('summary', reader.texts) ?? {}
  // Version 1 does not ask for a summary. `overwrite` claims the least: files may have come and gone.
  return { ...texts, operation: isOperation(texts.operation) ? texts.operation : 'overwrite' }
}

/** Reads a branch or tag (Iceberg spec, "Snapshot References"). */
export function readSnapshotRef(reader: JsonReader): SnapshotRef {
  const type = reader.string('type')
  if (type !== 'branch' && type !== 'tag') throw reader.wrong('type', 'branch or tag', type)
  return withoutUndefined<SnapshotRef>({
    ...reader.members,
    'snapshot-id': reader.long('snapshot-id'),
    type,
    'min-snapshots-to-keep': reader.optional('min-snapshots-to-keep', reader.integer),
    'max-snapshot-age-ms': reader.optional('max-snapshot-age-ms', reader.integer),
    'max-ref-age-ms': reader.optional('max-ref-age-ms', reader.integer),
  })
}
