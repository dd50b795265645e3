import { IngotError } from '../errors.ts'
import { isDeletionVector } from './deletion-vector.ts'
import type { DataFile } from './manifest-types.ts'
import type { Snapshot, SnapshotOperation, TableMetadata } from './metadata-types.ts'

/** The snapshot of the branch main, or undefined while the table is empty. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  const id = metadata['current-snapshot-id']
  return id === undefined ? undefined : snapshotById(metadata, id)
}

/** The snapshot with this id, or undefined when there is none (any more). */
export function snapshotById(metadata: TableMetadata, snapshotId: bigint): Snapshot | undefined {
  return metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === snapshotId)
}

/** A snapshot and its ancestors, newest first, as far back as they are kept. */
export function ancestorsOf(metadata: TableMetadata, snapshotId: bigint): readonly Snapshot[] {
  const byId = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const ancestors: Snapshot[] = []
  let next = byId.get(snapshotId)
  while (next !== undefined) {
    ancestors.push(next)
    // Taken out, so that a cycle in hostile metadata ends.
    byId.delete(next['snapshot-id'])
    const parentId = next['parent-snapshot-id']
    next = parentId === undefined ? undefined : byId.get(parentId)
  }
  return ancestors
}

/**
 * The snapshots after `startId` up to `endId`, oldest first; undefined when the one does not descend from the other. The first may be
 * expired, as long as its child is not.
 */
export function snapshotsBetween(
  metadata: TableMetadata,
  startId: bigint,
  endId: bigint,
): readonly Snapshot[] | undefined {
  const ancestors = ancestorsOf(metadata, endId)
  const start = ancestors.findIndex(snapshot => snapshot['snapshot-id'] === startId)
  if (start !== -1) return ancestors.slice(0, start).toReversed()
  return ancestors.at(-1)?.['parent-snapshot-id'] === startId ? ancestors.toReversed() : undefined
}

/** Which snapshot to read: by id, as of a time, or by the name of a branch or tag. */
export type SnapshotSelector =
  | { readonly snapshotId: bigint }
  | { readonly timeMs: number }
  | { readonly ref: string }

/**
 * The snapshot that a selector names; by time, the one that was current on main then, by the snapshot log.
 * @throws SNAPSHOT_NOT_FOUND saying what there is
 */
export function resolveSnapshot(metadata: TableMetadata, at: SnapshotSelector): Snapshot {
  if ('snapshotId' in at) {
    const known = metadata.snapshots.map(snapshot => snapshot['snapshot-id'])
    return found(snapshotById(metadata, at.snapshotId), `snapshot ${at.snapshotId}`, 'snapshots', known)
  }
  if ('ref' in at) {
    const id = metadata.refs[at.ref]?.['snapshot-id']
    const snapshot = id === undefined ? undefined : snapshotById(metadata, id)
    return found(snapshot, `branch or tag ${at.ref}`, 'refs', Object.keys(metadata.refs))
  }
  const log = metadata['snapshot-log']
  const entry = log.findLast(candidate => candidate['timestamp-ms'] <= at.timeMs)
  const snapshot = entry === undefined ? undefined : snapshotById(metadata, entry['snapshot-id'])
  const earliest = log.slice(0, 1).map(first => `the first at ${isoTime(first['timestamp-ms'])}`)
  return found(snapshot, `snapshot as of ${isoTime(at.timeMs)}`, 'snapshots', earliest)
}

function isoTime(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()
}

const SHOWN_MAX = 10

function found(
  snapshot: Snapshot | undefined,
  wanted: string,
  kind: string,
  known: readonly (string | bigint)[],
): Snapshot {
  if (snapshot !== undefined) return snapshot
  const shown = known.slice(-SHOWN_MAX).join(', ')
  const left = known.length > SHOWN_MAX ? ` and ${known.length - SHOWN_MAX} older` : ''
  throw new IngotError('SNAPSHOT_NOT_FOUND', `the table has no ${wanted}`, {
    hint: shown === '' ? `there are no ${kind}` : `there are these ${kind}: ${shown}${left}`,
  })
}

/** What a new snapshot changes, for its summary. */
export interface SummarizeSnapshotOptions {
  readonly operation: SnapshotOperation
  /** The summary of the parent; undefined for the first snapshot. */
  readonly parent: Snapshot['summary'] | undefined
  /** Data files and delete files. */
  readonly added: readonly DataFile[]
  readonly removed: readonly DataFile[]
  /** Members of the writer's own; they do not override the counts. */
  readonly extra?: Readonly<Record<string, string>>
}

/** How often things occur in a list of files. */
interface FileCounts {
  readonly dataFiles: number
  readonly records: number
  readonly deleteFiles: number
  readonly positionDeleteFiles: number
  readonly deletionVectors: number
  readonly positionDeletes: number
  readonly equalityDeleteFiles: number
  readonly equalityDeletes: number
  readonly filesSize: number
}

/** For each count: what it is called when it is added, removed and summed up; Iceberg has no totals of some. */
const SUMMARY_KEYS: readonly (readonly [keyof FileCounts, string, string, string | undefined])[] = [
  ['dataFiles', 'added-data-files', 'deleted-data-files', 'total-data-files'],
  ['records', 'added-records', 'deleted-records', 'total-records'],
  ['deleteFiles', 'added-delete-files', 'removed-delete-files', 'total-delete-files'],
  ['positionDeleteFiles', 'added-position-delete-files', 'removed-position-delete-files', undefined],
  ['deletionVectors', 'added-dvs', 'removed-dvs', undefined],
  ['positionDeletes', 'added-position-deletes', 'removed-position-deletes', 'total-position-deletes'],
  ['equalityDeleteFiles', 'added-equality-delete-files', 'removed-equality-delete-files', undefined],
  ['equalityDeletes', 'added-equality-deletes', 'removed-equality-deletes', 'total-equality-deletes'],
  ['filesSize', 'added-files-size', 'removed-files-size', 'total-files-size'],
]

/**
 * The summary of a new snapshot (Iceberg spec, "Appendix F: Optional Snapshot Summary Fields"). Counts of 0 are left out; so
 * is a total when the parent does not have it: a sum that starts in the middle would be wrong.
 */
export function summarizeSnapshot(options: SummarizeSnapshotOptions): Snapshot['summary'] {
  const { operation, parent, extra } = options
  const added = countFiles(options.added)
  const removed = countFiles(options.removed)
  const summary: Record<string, string> = { ...extra }
  for (const [count, addedKey, removedKey, totalKey] of SUMMARY_KEYS) {
    if (added[count] > 0) summary[addedKey] = String(added[count])
    if (removed[count] > 0) summary[removedKey] = String(removed[count])
    if (totalKey === undefined) continue
    const total = previousTotal(parent, totalKey) + added[count] - removed[count]
    if (total >= 0) summary[totalKey] = String(total)
  }
  return { ...summary, operation }
}

/** NaN when the parent does not say. */
function previousTotal(parent: Snapshot['summary'] | undefined, key: string): number {
  if (parent === undefined) return 0
  const text = parent[key]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function countFiles(files: readonly DataFile[]): FileCounts {
  const data = files.filter(file => file.content === 'data')
  const positions = files.filter(file => file.content === 'position-deletes')
  const vectors = files.filter(isDeletionVector)
  const equalities = files.filter(file => file.content === 'equality-deletes')
  return {
    dataFiles: data.length,
    records: recordsIn(data),
    deleteFiles: positions.length + equalities.length,
    positionDeleteFiles: positions.length - vectors.length,
    deletionVectors: vectors.length,
    positionDeletes: recordsIn(positions),
    equalityDeleteFiles: equalities.length,
    equalityDeletes: recordsIn(equalities),
    // Several deletion vectors share one Puffin file: each counts with its own part.
    filesSize: files.reduce((sum, file) => sum + Number(file.contentSizeBytes ?? file.fileSizeBytes), 0),
  }
}

function recordsIn(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.recordCount, 0)
}
