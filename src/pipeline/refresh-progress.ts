import type { TableMetadata } from '../format/metadata-types.ts'
import { type Progress, progressSummary, readProgress } from '../table/progress.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'

/** What the rows of a derived table were made from. */
export interface RefreshProgress {
  /** The definition's hash. */
  readonly definition: string
  /** The snapshot of each input by its name; null: it had none yet. */
  readonly inputs: ReadonlyMap<string, bigint | null>
  /** The snapshot of the quarantine table that goes with the rows; null: there is none. */
  readonly quarantine: bigint | null
}

/** The progress of a derived table's newest snapshot; undefined when nothing of the kind is stated. */
export function readRefreshProgress(metadata: TableMetadata): RefreshProgress | undefined {
  const progress = readProgress(metadata)
  const definition = progress?.definition
  const inputs = progress?.inputs
  if (typeof definition !== 'string' || typeof inputs !== 'object' || inputs === null) return undefined
  return {
    definition,
    inputs: new Map(Object.entries(inputs).map(([name, id]) => [name, parseSnapshotId(id)])),
    quarantine: parseSnapshotId(progress?.quarantine),
  }
}

function parseSnapshotId(value: unknown): bigint | null {
  return typeof value === 'string' && /^\d+$/.test(value) ? BigInt(value) : null
}

/** The summary entries of a snapshot with this progress; ids are written as text, which every JSON reader keeps whole. */
export function refreshProgressSummary(progress: RefreshProgress): Readonly<Record<string, string>> {
  const value: Progress = {
    definition: progress.definition,
    inputs: Object.fromEntries([...progress.inputs].map(([name, id]) => [name, id?.toString() ?? null])),
    quarantine: progress.quarantine?.toString() ?? null,
  }
  return progressSummary(value)
}

/** How progress names an input. */
export function inputName(identifier: TableIdentifier): string {
  return formatIdentifier(identifier)
}
