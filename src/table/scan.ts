import { type Expression, mightMatch, mightMatchPartition } from '../format/expression.ts'
import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { currentSnapshot, resolveSnapshot } from '../format/snapshot.ts'
import { createDeleteIndex, type DeleteTask } from './delete-index.ts'
import { loadDeletionVectors } from './load-deletion-vectors.ts'
import { loadEntries, loadManifests, mayHaveLiveFiles } from './manifests.ts'
import { specById } from './partition-columns.ts'
import type { TableContext } from './staged-table.ts'

/** One data file to read, with the delete files that apply to it. */
export interface ScanTask {
  readonly entry: LiveEntry
  /** How the engine's SQL names the file. */
  readonly enginePath: string
  readonly deletes: readonly DeleteTask[]
}

/** What to read of one snapshot. */
export interface ScanPlan {
  /** Undefined for a table without one: no rows. */
  readonly snapshot: Snapshot | undefined
  readonly tasks: readonly ScanTask[]
  /** Data files that the filter ruled out, but for those in manifests that it ruled out whole. */
  readonly prunedFileCount: number
  readonly prunedManifestCount: number
}

export interface PlanScanOptions {
  /** @default the newest of the branch main */
  readonly snapshotId?: bigint
  /** Rules out files that certainly have no match; rows of the others are for the caller's SQL to filter. */
  readonly filter?: Expression
}

/**
 * Finds the files of a snapshot that a filter does not rule out, by partition summaries, partition values and column
 * bounds, and the delete files that apply to each.
 * @throws SNAPSHOT_NOT_FOUND; UNSUPPORTED when a delete file of a format that is not read applies to a file;
 *   METADATA_INVALID for a damaged deletion vector
 */
export async function planScan(
  context: Pick<TableContext, 'io' | 'manifests'>,
  metadata: TableMetadata,
  options: PlanScanOptions = {},
): Promise<ScanPlan> {
  const { snapshotId } = options
  const snapshot =
    snapshotId === undefined ? currentSnapshot(metadata) : resolveSnapshot(metadata, { snapshotId })
  const live = (await loadManifests(context, snapshot)).filter(mayHaveLiveFiles)
  const kept = live.filter(
    manifest => manifest.content === 'deletes' || manifestMightMatch(metadata, manifest, options),
  )
  const deletes = await loadDeletes(context, metadata, kept)
  const index = createDeleteIndex(deletes, metadata['partition-specs'], location =>
    context.io.toEnginePath(location),
  )
  const tasks: ScanTask[] = []
  let prunedFileCount = 0
  for (const manifest of kept) {
    if (manifest.content !== 'data') continue
    const mightHaveMatch = entryFilter(metadata, manifest.partitionSpecId, options.filter)
    for (const entry of await loadEntries(context, metadata, manifest)) {
      if (mightHaveMatch !== undefined && !mightHaveMatch(entry)) prunedFileCount += 1
      else tasks.push(toTask(entry))
    }
  }
  return {
    snapshot,
    tasks: await loadDeletionVectors(context.io, tasks),
    prunedFileCount,
    prunedManifestCount: live.length - kept.length,
  }

  function toTask(entry: LiveEntry): ScanTask {
    return {
      entry,
      enginePath: context.io.toEnginePath(entry.file.filePath),
      deletes: index.deletesFor(entry),
    }
  }
}

function manifestMightMatch(
  metadata: TableMetadata,
  manifest: ManifestFile,
  { filter }: PlanScanOptions,
): boolean {
  if (filter === undefined) return true
  const spec = specById(metadata, manifest.partitionSpecId)
  return mightMatchPartition(filter, spec, metadata.schemas, manifest.partitions)
}

function entryFilter(
  metadata: TableMetadata,
  specId: number,
  filter: Expression | undefined,
): ((entry: LiveEntry) => boolean) | undefined {
  if (filter === undefined) return undefined
  const spec = specById(metadata, specId)
  const schema = currentSchema(metadata)
  return ({ file }) =>
    mightMatchPartition(filter, spec, metadata.schemas, file.partition) && mightMatch(filter, file, schema)
}

async function loadDeletes(
  context: Pick<TableContext, 'io' | 'manifests'>,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
): Promise<LiveEntry[]> {
  const entries: LiveEntry[] = []
  for (const manifest of manifests) {
    if (manifest.content === 'deletes') entries.push(...(await loadEntries(context, metadata, manifest)))
  }
  return entries
}
