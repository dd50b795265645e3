import type { TableMetadata } from '../format/metadata-types.ts'
import type { FileStat } from '../storage/file-io.ts'
import { isInside, type RemovableFile } from './unreachable-files.ts'

const HOUR_MS = 60 * 60_000

/** How old files that nothing names become: other engines may take this long from writing a file to committing it. */
const ORPHAN_AGE_MS = 72 * HOUR_MS

/** How far the clocks of writers, of the storage and of maintenance may be apart: no orphan is younger. */
export const CLOCKS_APART_MS = HOUR_MS

/** Before when a writer must have begun for its uncommitted files to be orphans, by the properties of the table. */
export function orphanHorizonOf({ properties }: Pick<TableMetadata, 'properties'>, nowMs: number): number {
  const ageMs = Number(properties['ingot.orphans.older-than-ms'])
  const isSet = properties['ingot.orphans.older-than-ms'] !== undefined && ageMs >= CLOCKS_APART_MS
  return nowMs - (isSet ? ageMs : ORPHAN_AGE_MS)
}

export interface OrphanFacts {
  /** Files under the table's location. */
  readonly files: readonly FileStat[]
  /** Locations of all files that anything names. */
  readonly reachable: ReadonlySet<string>
  readonly horizonMs: number
  /** Folders of other tables, which may lie inside this one's. */
  readonly otherTables: readonly string[]
}

/**
 * The files that nothing names and that no writer can still name: they were there before the horizon, and whoever began
 * before it is refused. Only to be removed once the horizon is committed, with what is reachable after that. Pure.
 */
export function planOrphans({
  files,
  reachable,
  horizonMs,
  otherTables,
}: OrphanFacts): readonly RemovableFile[] {
  return files.filter(
    ({ location, modifiedAtMs }) =>
      modifiedAtMs < horizonMs - CLOCKS_APART_MS &&
      !reachable.has(location) &&
      !isInside(location, otherTables),
  )
}
