import { isDeepStrictEqual } from 'node:util'
import type { LoadedTable } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'
import type { ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata, Update } from '../format/metadata-types.ts'
import { currentSnapshot, summarizeSnapshot } from '../format/snapshot.ts'
import { checkRequirements } from '../format/table-requirements.ts'
import { randomSnapshotId } from '../random.ts'
import { loadEntries, loadManifests, mayHaveLiveFiles } from './manifests.ts'
import { readProgress } from './progress.ts'
import { openTable } from './stage.ts'
import { stageSnapshot } from './stage-delta.ts'
import type { StagedTable, TableContext } from './staged-table.ts'

/** The snapshots that the staged changes add, oldest first. */
export function stagedSnapshots(staged: StagedTable): Snapshot[] {
  return staged.updates.flatMap(update => (update.action === 'add-snapshot' ? [update.snapshot] : []))
}

/** Whether the staged changes would be refused on `fresh`. */
export function isOutdated(staged: StagedTable, fresh: LoadedTable): boolean {
  try {
    checkRequirements(fresh.metadata, staged.requirements)
    return false
  } catch (error) {
    if (isIngotError(error, 'COMMIT_CONFLICT')) return true
    throw error
  }
}

/**
 * Whether the staged changes can be committed on top of `fresh` as they are: they only add files, and the table is the
 * same one, of the same schema and partitioning, with the same progress as when they were staged.
 */
export function canRebase(staged: StagedTable, fresh: LoadedTable): boolean {
  const { base } = staged
  return base !== null && staged.updates.every(isAppend) && hasSameMeaning(base.metadata, fresh.metadata)
}

function isAppend(update: Update): boolean {
  if (update.action === 'add-snapshot') return update.snapshot.summary.operation === 'append'
  return update.action === 'set-snapshot-ref' && update['ref-name'] === 'main'
}

function hasSameMeaning(base: TableMetadata, fresh: TableMetadata): boolean {
  return (
    base['table-uuid'] === fresh['table-uuid'] &&
    base['format-version'] === fresh['format-version'] &&
    base['current-schema-id'] === fresh['current-schema-id'] &&
    base['default-spec-id'] === fresh['default-spec-id'] &&
    isDeepStrictEqual(readProgress(base), readProgress(fresh))
  )
}

/** The same appends on top of `fresh`: manifests are used again, only the lists that name them are written anew. */
export async function rebaseAppends(
  context: TableContext,
  staged: StagedTable,
  fresh: LoadedTable,
): Promise<StagedTable> {
  let rebased = openTable(fresh, staged.beganAtMs)
  for (const snapshot of stagedSnapshots(staged)) rebased = await rebaseAppend(context, rebased, snapshot)
  return rebased
}

async function rebaseAppend(
  context: TableContext,
  staged: StagedTable,
  snapshot: Snapshot,
): Promise<StagedTable> {
  const parent = currentSnapshot(staged.metadata)
  const added = await manifestsAddedBy(context, snapshot)
  const inherited = (await loadManifests(context, parent)).filter(mayHaveLiveFiles)
  const entries = (
    await Promise.all(added.map(manifest => loadEntries(context, staged.metadata, manifest)))
  ).flat()
  // A new id: whoever was told the old one must not take the rows of others for ours.
  const snapshotId = randomSnapshotId(context.random)
  const sequenceNumber = staged.metadata['last-sequence-number'] + 1
  // Without ids for its rows: those that it had may be others' by now.
  const lines = added.map(({ firstRowId: _taken, ...manifest }) => ({
    ...manifest,
    addedSnapshotId: snapshotId,
    sequenceNumber,
    minSequenceNumber: sequenceNumber,
  }))
  return stageSnapshot(context, staged, {
    writer: { snapshotId, sequenceNumber },
    manifests: [...lines, ...inherited],
    summary: summarizeSnapshot({
      operation: 'append',
      parent: parent?.summary,
      added: entries.map(({ file }) => file),
      removed: [],
      extra: ownEntries(snapshot),
    }),
  })
}

async function manifestsAddedBy(context: TableContext, snapshot: Snapshot): Promise<ManifestFile[]> {
  const manifests = await loadManifests(context, snapshot)
  return manifests.filter(
    manifest => manifest.addedSnapshotId === snapshot['snapshot-id'] && manifest.addedFilesCount > 0,
  )
}

function ownEntries(snapshot: Snapshot): Record<string, string> {
  return Object.fromEntries(Object.entries(snapshot.summary).filter(([key]) => key.startsWith('ingot.')))
}
