import type { TableMetadata } from '../format/metadata-types.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** How much of a table's past is kept. Branches and tags are kept whatever it says. */
export interface HistoryPolicy {
  /** How long after it was superseded every version stays. */
  readonly denseMs: number
  /** How long the last version of each hour stays. */
  readonly hourlyMs: number
  /** How many of the newest snapshots of a branch stay, whatever their age. */
  readonly snapshotsMin: number
  /** After which a branch or tag itself goes, counted from its snapshot; main never does. */
  readonly refAgeMsMax: number
}

/** For tables whose properties do not say otherwise. */
const DEFAULT_HISTORY: HistoryPolicy = {
  denseMs: 10 * MINUTE_MS,
  hourlyMs: 5 * DAY_MS,
  snapshotsMin: 1,
  refAgeMsMax: Number.POSITIVE_INFINITY,
}

/** How long a dropped table can be brought back, whatever a new table of its name asks for. */
export const DROPPED_KEPT_MS = DEFAULT_HISTORY.hourlyMs

/** What the properties of a table ask for: those of Iceberg's own ("Snapshot Retention Policy"), and the dense time. */
export function historyPolicyOf({ properties }: Pick<TableMetadata, 'properties'>): HistoryPolicy {
  const number = (key: string, byDefault: number, min = 0): number => {
    const value = Number(properties[key])
    return properties[key] !== undefined && Number.isFinite(value) && value >= min ? value : byDefault
  }
  return {
    denseMs: number('ingot.history.dense-ms', DEFAULT_HISTORY.denseMs),
    hourlyMs: number('history.expire.max-snapshot-age-ms', DEFAULT_HISTORY.hourlyMs),
    snapshotsMin: number('history.expire.min-snapshots-to-keep', DEFAULT_HISTORY.snapshotsMin, 1),
    refAgeMsMax: number('history.expire.max-ref-age-ms', DEFAULT_HISTORY.refAgeMsMax),
  }
}

/** The hour of a time, as a number that grows by one each hour. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / (60 * MINUTE_MS))
}
