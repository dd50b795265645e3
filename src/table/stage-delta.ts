import { writeManifestList } from '../format/manifest-list.ts'
import type { DataFile, LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, SnapshotOperation, TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot, summarizeSnapshot } from '../format/snapshot.ts'
import { BEGAN_AT } from '../format/table-updates.ts'
import { randomSnapshotId, randomUuid } from '../random.ts'
import {
  createManifestWriter,
  type ManifestWriter,
  mergeManifests,
  removeFromManifests,
} from './manifest-writer.ts'
import { loadEntries, loadManifests, mayHaveLiveFiles } from './manifests.ts'
import type { FileInSpec } from './position-deletes.ts'
import { keepsProgress } from './progress.ts'
import { assignRowIds } from './row-ids.ts'
import { requireDefinition, requireMain, withChanges } from './staged-changes.ts'
import type { StagedTable, TableContext } from './staged-table.ts'
import { writableVersion } from './writable-version.ts'

/** Entries of a snapshot's summary beyond those that the spec names; keys of ours start with `ingot.`. */
export type SnapshotSummary = Readonly<Record<string, string>>

/** What one snapshot does to the files of a table. */
export interface SnapshotDelta {
  readonly operation: SnapshotOperation
  /** Data files written under the default spec, or `specId`. */
  readonly add?: readonly DataFile[]
  readonly specId?: number
  /**
   * The data sequence number of the added files, when their rows are not new: deletes by key that are newer than
   * it apply to them. @default that of the snapshot
   */
  readonly dataSequenceNumber?: number
  readonly addDeletes?: readonly FileInSpec[]
  /** Live data and delete files of the current snapshot; `all` empties the table. */
  readonly remove?: readonly LiveEntry[] | 'all'
  readonly summary?: SnapshotSummary
}

/**
 * Writes the manifests and the manifest list of a new snapshot on main, on top of what is staged, and stages its commit.
 * Returns `staged` itself when no file changes and the summary states no new progress. A commit is refused when main
 * has moved since the base was loaded, or the schema or the default partition spec has changed.
 * @throws UNSUPPORTED for a table of format version 1
 */
export async function stageDelta(
  context: TableContext,
  staged: StagedTable,
  delta: SnapshotDelta,
): Promise<StagedTable> {
  const { metadata } = staged
  writableVersion(metadata)
  const parent = currentSnapshot(metadata)
  const manifests = (await loadManifests(context, parent)).filter(mayHaveLiveFiles)
  const added = delta.add ?? []
  const addedDeletes = delta.addDeletes ?? []
  const removed = delta.remove === 'all' ? await loadAll(context, metadata, manifests) : (delta.remove ?? [])
  const changesFiles = added.length + addedDeletes.length + removed.length > 0
  if (!changesFiles && keepsProgress(metadata, delta.summary ?? {})) return staged

  const writer = createManifestWriter(context, metadata, {
    snapshotId: randomSnapshotId(context.random),
    sequenceNumber: metadata['last-sequence-number'] + 1,
  })
  const specId = delta.specId ?? metadata['default-spec-id']
  const files = [...added.map(file => ({ specId, file })), ...addedDeletes]
  const written = await writeAdded(writer, files, delta.dataSequenceNumber ?? null)
  const kept = await mergeManifests(writer, await removeFromManifests(writer, manifests, removed))
  const summary = summarizeSnapshot({
    operation: delta.operation,
    parent: parent?.summary,
    added: [...added, ...addedDeletes.map(({ file }) => file)],
    removed: removed.map(({ file }) => file),
    extra: delta.summary ?? {},
  })
  return stageSnapshot(context, staged, { writer, manifests: [...written, ...kept], summary })
}

/**
 * Stages a snapshot that adds files and removes none: the one kind of change that can be committed on top of others'.
 * Returns `staged` itself when there is neither a file nor new progress.
 */
export function stageAppend(
  context: TableContext,
  staged: StagedTable,
  files: readonly DataFile[],
  options: { readonly summary?: SnapshotSummary; readonly specId?: number } = {},
): Promise<StagedTable> {
  return stageDelta(context, staged, { ...options, operation: 'append', add: files })
}

async function loadAll(
  context: TableContext,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
): Promise<LiveEntry[]> {
  const entries: LiveEntry[] = []
  for (const manifest of manifests) entries.push(...(await loadEntries(context, metadata, manifest)))
  return entries
}

function writeAdded(
  writer: ManifestWriter,
  files: readonly FileInSpec[],
  dataSequenceNumber: number | null,
): Promise<ManifestFile[]> {
  const groups = new Map<string, { specId: number; content: ManifestFile['content']; files: DataFile[] }>()
  for (const { specId, file } of files) {
    const content = file.content === 'data' ? 'data' : 'deletes'
    const key = `${content} ${specId}`
    const group = groups.get(key) ?? { specId, content, files: [] }
    group.files.push(file)
    groups.set(key, group)
  }
  return Promise.all(
    [...groups.values()].map(group =>
      writer.write(
        group,
        // Without snapshot id and sequence number, so that a commit on another base can use the manifest as it is.
        group.files.map(file => ({
          status: 'added',
          snapshotId: null,
          sequenceNumber: file.content === 'data' ? dataSequenceNumber : null,
          fileSequenceNumber: null,
          file,
        })),
      ),
    ),
  )
}

export interface NewSnapshot {
  readonly writer: Pick<ManifestWriter, 'snapshotId' | 'sequenceNumber'>
  readonly manifests: readonly ManifestFile[]
  readonly summary: Snapshot['summary']
}

/** Writes the manifest list of a snapshot and stages the snapshot as the head of main. */
export async function stageSnapshot(
  context: TableContext,
  staged: StagedTable,
  { writer: { snapshotId, sequenceNumber }, manifests, summary }: NewSnapshot,
): Promise<StagedTable> {
  const { metadata } = staged
  const parentId = currentSnapshot(metadata)?.['snapshot-id']
  const location = `${metadata.location}/metadata/snap-${snapshotId}-1-${randomUuid(context.random)}.avro`
  const rows = await assignRowIds(context, metadata, manifests)
  const bytes = writeManifestList({
    manifests: rows.manifests,
    snapshotId,
    parentSnapshotId: parentId,
    sequenceNumber,
    formatVersion: writableVersion(metadata),
  })
  await context.io.create(location, bytes)
  const nowMs = Math.max(context.clock.nowMs(), metadata['last-updated-ms'])
  const snapshot: Snapshot = {
    'snapshot-id': snapshotId,
    ...(parentId === undefined ? {} : { 'parent-snapshot-id': parentId }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': nowMs,
    'manifest-list': location,
    summary: staged.beganAtMs === undefined ? summary : { ...summary, [BEGAN_AT]: `${staged.beganAtMs}` },
    'schema-id': metadata['current-schema-id'],
    ...rows.members,
  }
  const branch = metadata.refs.main ?? { type: 'branch' as const }
  return withChanges(staged, {
    requirements: [...requireMain(metadata), ...requireDefinition(metadata)],
    updates: [
      { action: 'add-snapshot', snapshot },
      { ...branch, action: 'set-snapshot-ref', 'ref-name': 'main', 'snapshot-id': snapshotId },
    ],
    nowMs,
  })
}
