import { createHash } from 'node:crypto'
import type { CommitResult, LoadedTable } from '../catalog/catalog.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { type LoadedCredentials, NO_CREDENTIALS } from './table-credentials.ts'

/** Which snapshots a loaded table lists (REST spec, "loadTable"). */
export type SnapshotMode = 'all' | 'refs'

/** REST spec, LoadTableResult; `metadataLocation` is absent for a table that is only staged. */
export function toLoadTableResult(
  metadata: TableMetadata,
  metadataLocation: string | undefined,
  snapshots: SnapshotMode = 'all',
  credentials: LoadedCredentials = NO_CREDENTIALS,
): Record<string, unknown> {
  return {
    ...(metadataLocation !== undefined && { 'metadata-location': metadataLocation }),
    metadata: toMetadataJson(snapshots === 'refs' ? withReferencedSnapshots(metadata) : metadata),
    ...credentials,
  }
}

/** What a version of a table is known by in one representation (REST spec, `etag`); metadata files are immutable. */
export function etagOf({ metadataLocation }: LoadedTable, snapshots: SnapshotMode): string {
  const digest = createHash('sha256').update(`${snapshots} ${metadataLocation}`).digest('hex')
  return `"${digest.slice(0, 32)}"`
}

/** Ingot's own answer to a commit: the transaction, and each table as it is now. */
export function toCommitJson(result: CommitResult): Record<string, unknown> {
  return {
    'transaction-id': result.transactionId,
    tables: result.tables.map(toTableJson),
  }
}

/** A table with its name. */
function toTableJson({ identifier, metadataLocation, metadata }: LoadedTable): Record<string, unknown> {
  return { identifier, 'metadata-location': metadataLocation, metadata: toMetadataJson(metadata) }
}

/** In answers an empty table says -1, where the file leaves the key out: what the Java client expects. */
function toMetadataJson(metadata: TableMetadata): Record<string, unknown> {
  return { ...metadata, 'current-snapshot-id': metadata['current-snapshot-id'] ?? -1 }
}

function withReferencedSnapshots(metadata: TableMetadata): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map(ref => ref['snapshot-id']))
  return { ...metadata, snapshots: metadata.snapshots.filter(({ 'snapshot-id': id }) => referenced.has(id)) }
}
