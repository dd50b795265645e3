import { isDeepStrictEqual } from 'node:util'
import { IngotError } from '../errors.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { ancestorsOf } from '../format/snapshot.ts'
import { parseJson, stringifyJson } from '../json.ts'

const PROGRESS_KEY = 'ingot.progress'

/** What a table's rows were made from, as the snapshot that has them says: offsets, files, snapshots of inputs. */
export type Progress = Readonly<Record<string, unknown>>

/**
 * The progress of a ref: that of the nearest ancestor of its snapshot that states one, so that commits by others and
 * compaction do not disturb it. Undefined when none does.
 * @throws METADATA_INVALID when it is not a JSON object
 */
export function readProgress(metadata: TableMetadata, ref = 'main'): Progress | undefined {
  const head =
    metadata.refs[ref]?.['snapshot-id'] ?? (ref === 'main' ? metadata['current-snapshot-id'] : undefined)
  if (head === undefined) return undefined
  const carrier = ancestorsOf(metadata, head).find(snapshot => snapshot.summary[PROGRESS_KEY] !== undefined)
  return carrier === undefined ? undefined : parseProgress(carrier)
}

/** The summary entries that state a snapshot's progress. */
export function progressSummary(progress: Progress): Readonly<Record<string, string>> {
  return { [PROGRESS_KEY]: stringifyJson(progress) }
}

/** Whether a snapshot with this summary would leave the progress of main as it is. */
export function keepsProgress(metadata: TableMetadata, summary: Readonly<Record<string, string>>): boolean {
  const text = summary[PROGRESS_KEY]
  return text === undefined || isDeepStrictEqual(parseJson(text), readProgress(metadata))
}

function parseProgress(snapshot: Snapshot): Progress {
  let value: unknown
  try {
    value = parseJson(snapshot.summary[PROGRESS_KEY] ?? '')
  } catch (cause) {
    throw unreadable(snapshot, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(snapshot)
  return value as Progress
}

function unreadable(snapshot: Snapshot, cause?: unknown): IngotError {
  const snapshotId = snapshot['snapshot-id']
  return new IngotError(
    'METADATA_INVALID',
    `${PROGRESS_KEY} of snapshot ${snapshotId} is not a JSON object`,
    {
      cause,
      hint: 'roll the table back to a snapshot before it',
      context: { snapshotId },
    },
  )
}
