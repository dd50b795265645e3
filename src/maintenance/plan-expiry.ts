import type { Snapshot, SnapshotRef, TableMetadata, Update } from '../format/metadata-types.ts'
import { ancestorsOf } from '../format/snapshot.ts'
import { inheritedProgressKey, snapshotOfInheritedProgress, statedProgress } from '../table/progress.ts'
import { type HistoryPolicy, historyPolicyOf, hourOf } from './history-policy.ts'

/** Why a snapshot stays. */
export type KeepReason =
  | 'a branch or tag names it'
  | 'it is among the newest of its branch'
  | 'it was current a moment ago'
  | 'it is of a branch beside main'
  | 'another table was made from it'
  | 'it is the last of its hour'

export interface ExpiryFacts {
  readonly metadata: TableMetadata
  readonly nowMs: number
  /** Snapshots that the progress of any table names: its next refresh starts from them. */
  readonly consumed: ReadonlySet<bigint>
}

/** Which snapshots of a table stay and why, and what is to be committed for the others to go. */
export interface ExpiryPlan {
  readonly kept: ReadonlyMap<bigint, KeepReason>
  readonly expired: readonly Snapshot[]
  /** Branches and tags that are older than they may become. */
  readonly expiredRefs: readonly string[]
  /** Empty when nothing goes. */
  readonly updates: readonly Update[]
}

/**
 * Thins the history of a table: all versions of the last minutes stay, then the last of each hour, and at any age those that a
 * branch, a tag or the progress of another table names. Progress that a kept snapshot inherits from one that goes is
 * moved to a property. Pure.
 */
export function planExpiry({ metadata, nowMs, consumed }: ExpiryFacts): ExpiryPlan {
  const policy = historyPolicyOf(metadata)
  const expiredRefs = findExpiredRefs(metadata, policy, nowMs)
  const refs = Object.entries(metadata.refs).filter(([name]) => !expiredRefs.includes(name))
  const keeper = new Keeper(metadata, policy, nowMs)
  for (const [, ref] of refs) keeper.keep(ref['snapshot-id'], 'a branch or tag names it')
  for (const [name, ref] of refs) if (ref.type === 'branch') keeper.keepBranch(name, ref)
  keeper.keepUnreferenced(refs.map(([, ref]) => ref))
  for (const { 'snapshot-id': id } of metadata.snapshots) {
    if (consumed.has(id)) keeper.keep(id, 'another table was made from it')
  }
  const expired = metadata.snapshots.filter(snapshot => !keeper.kept.has(snapshot['snapshot-id']))
  const updates = updatesFor(metadata, keeper.kept, expired, expiredRefs)
  return { kept: keeper.kept, expired, expiredRefs, updates }
}

function findExpiredRefs(metadata: TableMetadata, policy: HistoryPolicy, nowMs: number): readonly string[] {
  const times = new Map(
    metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot['timestamp-ms']]),
  )
  return Object.entries(metadata.refs).flatMap(([name, ref]) => {
    const ageMs = nowMs - (times.get(ref['snapshot-id']) ?? nowMs)
    const isExpired = name !== 'main' && ageMs > (ref['max-ref-age-ms'] ?? policy.refAgeMsMax)
    return isExpired ? [name] : []
  })
}

/** Collects what stays; the first reason found for a snapshot is the one given. */
class Keeper {
  readonly kept = new Map<bigint, KeepReason>()
  readonly #metadata: TableMetadata
  readonly #policy: HistoryPolicy
  readonly #nowMs: number
  readonly #supersededAtMs: ReadonlyMap<bigint, number>
  readonly #onMain: ReadonlySet<bigint>

  constructor(metadata: TableMetadata, policy: HistoryPolicy, nowMs: number) {
    this.#metadata = metadata
    this.#policy = policy
    this.#nowMs = nowMs
    this.#supersededAtMs = findSupersededAt(metadata)
    const head = metadata['current-snapshot-id']
    const ofMain = head === undefined ? [] : ancestorsOf(metadata, head)
    this.#onMain = new Set(ofMain.map(snapshot => snapshot['snapshot-id']))
  }

  keep(snapshotId: bigint, reason: KeepReason): void {
    if (!this.kept.has(snapshotId)) this.kept.set(snapshotId, reason)
  }

  /** A branch beside main stays whole back to where it left main, unless it says how old its snapshots may become. */
  keepBranch(name: string, ref: SnapshotRef): void {
    const chain = ancestorsOf(this.#metadata, ref['snapshot-id'])
    const snapshotsMin = ref['min-snapshots-to-keep'] ?? this.#policy.snapshotsMin
    for (const { 'snapshot-id': id } of chain.slice(0, snapshotsMin)) {
      this.keep(id, 'it is among the newest of its branch')
    }
    const hourlyMs = ref['max-snapshot-age-ms']
    if (name !== 'main' && hourlyMs === undefined) {
      for (const { 'snapshot-id': id } of chain) {
        if (!this.#onMain.has(id)) this.keep(id, 'it is of a branch beside main')
      }
    }
    this.#thin(chain, hourlyMs ?? this.#policy.hourlyMs)
  }

  /** What no ref leads to, after a rollback or when a branch was dropped, is thinned like the rest. */
  keepUnreferenced(refs: readonly SnapshotRef[]): void {
    const referenced = new Set(
      refs.flatMap(ref => ancestorsOf(this.#metadata, ref['snapshot-id']).map(found => found['snapshot-id'])),
    )
    const others = this.#metadata.snapshots.filter(snapshot => !referenced.has(snapshot['snapshot-id']))
    this.#thin(
      others.toSorted((a, b) => b['timestamp-ms'] - a['timestamp-ms']),
      this.#policy.hourlyMs,
    )
  }

  /** `snapshots` are newest first. */
  #thin(snapshots: readonly Snapshot[], hourlyMs: number): void {
    const hours = new Set<number>()
    for (const { 'snapshot-id': id, 'timestamp-ms': timeMs } of snapshots) {
      const supersededAtMs = this.#supersededAtMs.get(id) ?? timeMs
      if (this.#nowMs - supersededAtMs <= Math.min(this.#policy.denseMs, hourlyMs)) {
        this.keep(id, 'it was current a moment ago')
      }
      const isLastOfHour = !hours.has(hourOf(timeMs))
      hours.add(hourOf(timeMs))
      if (isLastOfHour && this.#nowMs - timeMs <= hourlyMs) this.keep(id, 'it is the last of its hour')
    }
  }
}

/** When each snapshot was followed by another, on its branch or, by a rollback, on main: until then readers started from it. */
function findSupersededAt(metadata: TableMetadata): ReadonlyMap<bigint, number> {
  const times = new Map<bigint, number>()
  const note = (snapshotId: bigint, timeMs: number): void => {
    times.set(snapshotId, Math.max(timeMs, times.get(snapshotId) ?? timeMs))
  }
  for (const snapshot of metadata.snapshots) {
    const parentId = snapshot['parent-snapshot-id']
    if (parentId !== undefined) note(parentId, snapshot['timestamp-ms'])
  }
  const log = metadata['snapshot-log']
  for (const [index, entry] of log.entries()) {
    const next = log[index + 1]
    if (next !== undefined) note(entry['snapshot-id'], next['timestamp-ms'])
  }
  return times
}

function updatesFor(
  metadata: TableMetadata,
  kept: ReadonlyMap<bigint, KeepReason>,
  expired: readonly Snapshot[],
  expiredRefs: readonly string[],
): readonly Update[] {
  const progress = inheritedProgress(metadata, kept)
  const removals = Object.keys(metadata.properties).filter(key => {
    const id = snapshotOfInheritedProgress(key)
    return id !== undefined && !kept.has(id)
  })
  const updates: Update[] = []
  if (Object.keys(progress).length > 0) updates.push({ action: 'set-properties', updates: progress })
  if (removals.length > 0) updates.push({ action: 'remove-properties', removals })
  for (const name of expiredRefs) updates.push({ action: 'remove-snapshot-ref', 'ref-name': name })
  if (expired.length > 0) {
    updates.push({
      action: 'remove-snapshots',
      'snapshot-ids': expired.map(snapshot => snapshot['snapshot-id']),
    })
  }
  return updates
}

/** Properties for the snapshots that stay, state no progress themselves, and lose the ancestor that does. */
function inheritedProgress(
  metadata: TableMetadata,
  kept: ReadonlyMap<bigint, KeepReason>,
): Readonly<Record<string, string>> {
  const properties: Record<string, string> = {}
  for (const { 'snapshot-id': id, 'parent-snapshot-id': parentId } of metadata.snapshots) {
    if (!kept.has(id) || parentId === undefined || kept.has(parentId)) continue
    const stated = statedProgress(metadata, id)
    if (stated !== undefined && stated.snapshotId !== id) properties[inheritedProgressKey(id)] = stated.text
  }
  return properties
}
