import { inheritEntries, readManifest } from '../format/manifest.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { partitionType } from '../format/partition-spec.ts'
import { specById } from './partition-columns.ts'
import type { TableContext } from './staged-table.ts'

type ReadContext = Pick<TableContext, 'io' | 'manifests'>

/** The manifests of a snapshot, in the order of its list; none for a table without a snapshot. */
export async function loadManifests(
  context: ReadContext,
  snapshot: Snapshot | undefined,
): Promise<readonly ManifestFile[]> {
  if (snapshot === undefined) return []
  return readManifestList(await context.io.read(snapshot['manifest-list']))
}

/** The live entries of a manifest of the table, from the cache when they are there. */
export async function loadEntries(
  context: ReadContext,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<readonly LiveEntry[]> {
  const cached = context.manifests.get(manifest)
  if (cached !== undefined) return cached
  const partition = partitionType(specById(metadata, manifest.partitionSpecId), metadata.schemas)
  const { entries } = readManifest(await context.io.read(manifest.manifestPath), partition)
  const live = inheritEntries(manifest, entries)
  context.manifests.set(manifest, live)
  return live
}

/** Whether a manifest may have entries that are not deleted; lists of format version 1 may leave all counts out. */
export function mayHaveLiveFiles(manifest: ManifestFile): boolean {
  const { addedFilesCount, existingFilesCount, deletedFilesCount } = manifest
  return addedFilesCount + existingFilesCount > 0 || deletedFilesCount === 0
}
