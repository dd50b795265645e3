import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { loadManifests, mayHaveLiveFiles } from '../table/manifests.ts'
import type { TableContext } from '../table/staged-table.ts'

/** What a scan of a table has to open. */
export interface TableShape {
  readonly dataFiles: number
  readonly deleteFiles: number
  readonly manifests: number
}

/** Counts what a table's newest snapshot names, by its list of manifests alone. */
export async function shapeOf(context: TableContext, metadata: TableMetadata): Promise<TableShape> {
  const manifests = (await loadManifests(context, currentSnapshot(metadata))).filter(mayHaveLiveFiles)
  const filesOf = (isData: boolean): number =>
    manifests
      .filter(({ content }) => (content === 'data') === isData)
      .reduce((sum, manifest) => sum + manifest.addedFilesCount + manifest.existingFilesCount, 0)
  return { dataFiles: filesOf(true), deleteFiles: filesOf(false), manifests: manifests.length }
}
