import { currentSnapshot } from '../format/snapshot.ts'
import { loadEntries, loadManifests } from './manifests.ts'
import { stagedSnapshots } from './rebase.ts'
import type { StagedTable, TableContext } from './staged-table.ts'

/**
 * The locations of all files that staged snapshots brought into being: lists, manifests, data and delete files. Files
 * outside the table's folder were there before and are left out, like those of the base.
 */
export async function filesWrittenBy(context: TableContext, staged: StagedTable): Promise<string[]> {
  const snapshots = stagedSnapshots(staged)
  const ids = new Set(snapshots.map(snapshot => snapshot['snapshot-id']))
  const locations = new Set<string>()
  for (const snapshot of snapshots) {
    locations.add(snapshot['manifest-list'])
    for (const manifest of await loadManifests(context, snapshot)) {
      if (!ids.has(manifest.addedSnapshotId)) continue
      locations.add(manifest.manifestPath)
      for (const { snapshotId, file } of await loadEntries(context, staged.metadata, manifest)) {
        if (ids.has(snapshotId)) locations.add(file.filePath)
      }
    }
  }
  for (const location of await locationsOfBase(context, staged)) locations.delete(location)
  return [...locations].filter(location => location.startsWith(`${staged.metadata.location}/`))
}

async function locationsOfBase(context: TableContext, staged: StagedTable): Promise<string[]> {
  if (staged.base === null) return []
  const { metadata } = staged.base
  const manifests = await loadManifests(context, currentSnapshot(metadata))
  const entries = await Promise.all(manifests.map(manifest => loadEntries(context, metadata, manifest)))
  return [
    ...manifests.map(manifest => manifest.manifestPath),
    ...entries.flat().map(({ file }) => file.filePath),
  ]
}
