import { inheritEntries, readManifest } from '../format/manifest.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot } from '../format/metadata-types.ts'
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

/** The live entries of a manifest, from the cache when they are there. */
export async function loadEntries(
  context: ReadContext,
  manifest: ManifestFile,
): Promise<readonly LiveEntry[]> {
  const cached = context.manifests.get(manifest)
  if (cached !== undefined) return cached
  const { entries } = readManifest(await context.io.read(manifest.manifestPath))
  const live = inheritEntries(manifest, entries)
  context.manifests.set(manifest, live)
  return live
}

/** Whether a manifest has entries that are not deleted. */
export function hasLiveFiles(manifest: ManifestFile): boolean {
  return manifest.addedFilesCount + manifest.existingFilesCount > 0
}
