import { type Expression, mightMatch, mightMatchPartition } from '../format/expression.ts'
import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { currentSnapshot, resolveSnapshot } from '../format/snapshot.ts'
import type { StructType } from '../format/types.ts'
import { createDeleteIndex, type DeleteTask } from './delete-index.ts'
import { loadDeletionVectors } from './load-deletion-vectors.ts'
import { loadEntries, loadManifests, mayHaveLiveFiles } from './manifests.ts'
import { loadStoredColumns, type StoredColumns } from './parquet-schemas.ts'
import { specById } from './partition-columns.ts'
import type { TableContext } from './staged-table.ts'

/** One data file to read, with the delete files that apply to it. */
export interface ScanTask extends StoredColumns {
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
  /** Has the types of the filter's values. @default the current schema */
  readonly schema?: StructType
  /** Only the files that these snapshots appended, in this order, as they were then: without deletes. @default all of the snapshot */
  readonly appends?: readonly Snapshot[]
  /** Whether somebody else reads the files: deletes of any format are told. @default false */
  readonly isForeign?: boolean
  /** Throws for a manifest or manifest list that is not to be read. @default all are read */
  readonly checkLocation?: (location: string) => void
}

type ScanContext = Pick<TableContext, 'io' | 'manifests' | 'parquetSchemas'>

/**
 * Finds the files of a snapshot that a filter does not rule out, by partition summaries, partition values and column
 * bounds, and the delete files that apply to each.
 * @throws SNAPSHOT_NOT_FOUND; UNSUPPORTED when a delete file of a format that is not read applies to a file;
 *   METADATA_INVALID for a damaged deletion vector
 */
export async function planScan(
  context: ScanContext,
  metadata: TableMetadata,
  options: PlanScanOptions = {},
): Promise<ScanPlan> {
  const scan = await openScan(context, metadata, options)
  const kept = scan.manifests.filter(manifest => scan.mightMatch(manifest))
  const tasks: ScanTask[] = []
  let prunedFileCount = 0
  for (const manifest of kept) {
    for (const task of await scan.tasksOf(manifest)) {
      if (task === undefined) prunedFileCount += 1
      else tasks.push(task)
    }
  }
  return {
    snapshot: scan.snapshot,
    tasks: await loadStoredColumns(context, metadata, await loadDeletionVectors(context.io, tasks)),
    prunedFileCount,
    prunedManifestCount: scan.manifests.length - kept.length,
  }
}

/** A scan whose data files are still to be looked through. */
export interface OpenScan {
  /** Undefined for a table without one. */
  readonly snapshot: Snapshot | undefined
  /** Of data files, always the same for the same snapshot, whatever the filter is. */
  readonly manifests: readonly ManifestFile[]
  /** Whether the filter leaves something of a manifest; false is certain. */
  mightMatch(manifest: ManifestFile): boolean
  /**
   * A task for each file after the first `skip`, in the order of the manifest, made as it is asked for; undefined for files that the
   * filter rules out. Deletion vectors are not loaded.
   */
  tasksOf(manifest: ManifestFile, skip?: number): Promise<Iterable<ScanTask | undefined>>
}

/** Reads the manifest list and the deletes of what is to be scanned. @throws SNAPSHOT_NOT_FOUND, and what `checkLocation` throws */
export async function openScan(
  context: ScanContext,
  metadata: TableMetadata,
  options: PlanScanOptions = {},
): Promise<OpenScan> {
  const { snapshotId, filter, appends } = options
  const snapshot =
    snapshotId === undefined ? currentSnapshot(metadata) : resolveSnapshot(metadata, { snapshotId })
  const load = (of: Snapshot | undefined) => loadLiveManifests(context, of, options)
  const live = appends === undefined ? await load(snapshot) : await loadAppended(appends, load)
  const deletes = await loadDeletes(context, metadata, live)
  const toEnginePath = (location: string): string => context.io.toEnginePath(location)
  const index = createDeleteIndex(deletes, metadata['partition-specs'], toEnginePath, !options.isForeign)
  return {
    snapshot,
    manifests: live.filter(({ content }) => content === 'data'),
    mightMatch: manifest => manifestMightMatch(metadata, manifest, filter),
    async tasksOf(manifest, skip = 0) {
      const entries = await loadEntries(context, metadata, manifest)
      return toTasks(entries.slice(skip), entryFilter(metadata, manifest, options))
    },
  }

  function* toTasks(entries: readonly LiveEntry[], isWanted: (entry: LiveEntry) => boolean) {
    for (const entry of entries) yield isWanted(entry) ? toTask(entry) : undefined
  }

  function toTask(entry: LiveEntry): ScanTask {
    return {
      entry,
      enginePath: context.io.toEnginePath(entry.file.filePath),
      deletes: index.deletesFor(entry),
    }
  }
}

async function loadLiveManifests(
  context: ScanContext,
  snapshot: Snapshot | undefined,
  { checkLocation }: PlanScanOptions,
): Promise<readonly ManifestFile[]> {
  if (snapshot !== undefined) checkLocation?.(snapshot['manifest-list'])
  const live = (await loadManifests(context, snapshot)).filter(mayHaveLiveFiles)
  for (const { manifestPath } of live) checkLocation?.(manifestPath)
  return live
}

/** What a snapshot appended is in the manifests that it added, beside files that it took over from others. */
async function loadAppended(
  appends: readonly Snapshot[],
  load: (of: Snapshot) => Promise<readonly ManifestFile[]>,
): Promise<readonly ManifestFile[]> {
  const manifests: ManifestFile[] = []
  for (const snapshot of appends) {
    const added = (await load(snapshot)).filter(
      ({ content, addedSnapshotId }) => content === 'data' && addedSnapshotId === snapshot['snapshot-id'],
    )
    manifests.push(...added)
  }
  return manifests
}

function manifestMightMatch(
  metadata: TableMetadata,
  manifest: ManifestFile,
  filter: Expression | undefined,
): boolean {
  if (filter === undefined) return true
  const spec = specById(metadata, manifest.partitionSpecId)
  return mightMatchPartition(filter, spec, metadata.schemas, manifest.partitions)
}

function entryFilter(
  metadata: TableMetadata,
  manifest: ManifestFile,
  { filter, schema = currentSchema(metadata), appends }: PlanScanOptions,
): (entry: LiveEntry) => boolean {
  const spec = specById(metadata, manifest.partitionSpecId)
  return ({ file, snapshotId }) => {
    if (appends !== undefined && snapshotId !== manifest.addedSnapshotId) return false
    if (filter === undefined) return true
    return (
      mightMatchPartition(filter, spec, metadata.schemas, file.partition) && mightMatch(filter, file, schema)
    )
  }
}

async function loadDeletes(
  context: ScanContext,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
): Promise<LiveEntry[]> {
  const entries: LiveEntry[] = []
  for (const manifest of manifests) {
    if (manifest.content === 'deletes') entries.push(...(await loadEntries(context, metadata, manifest)))
  }
  return entries
}
