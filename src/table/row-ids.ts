import { inheritRowIds } from '../format/manifest.ts'
import type { ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { loadEntries } from './manifests.ts'
import type { TableContext } from './staged-table.ts'

/** The manifests of a new snapshot with ids for all rows, and what the snapshot says of them. */
export interface AssignedRowIds {
  readonly manifests: readonly ManifestFile[]
  /** Nothing in tables of format version 2, whose rows have no ids. */
  readonly members: Pick<Snapshot, 'first-row-id' | 'added-rows'>
}

/**
 * Gives each data manifest without one the first id of its rows, above all ids of the table (Iceberg spec, "First Row ID
 * Assignment"). Files that have ids keep them.
 */
export async function assignRowIds(
  context: Pick<TableContext, 'io' | 'manifests'>,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
): Promise<AssignedRowIds> {
  if (metadata['format-version'] < 3) return { manifests, members: {} }
  const firstRowId = metadata['next-row-id'] ?? 0
  let nextRowId = firstRowId
  const assigned: ManifestFile[] = []
  for (const manifest of manifests) {
    if (manifest.content === 'deletes' || manifest.firstRowId !== undefined) {
      assigned.push(manifest)
      continue
    }
    const line = { ...manifest, firstRowId: BigInt(nextRowId) }
    const entries = await loadEntries(context, metadata, manifest)
    for (const { file } of entries) if (file.firstRowId === undefined) nextRowId += file.recordCount
    context.manifests.set(line, inheritRowIds(line, entries))
    assigned.push(line)
  }
  return {
    manifests: assigned,
    members: { 'first-row-id': firstRowId, 'added-rows': nextRowId - firstRowId },
  }
}
