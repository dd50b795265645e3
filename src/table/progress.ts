import { isDeepStrictEqual } from 'node:util'
import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { ancestorsOf } from '../format/snapshot.ts'
import { parseJson, stringifyJson } from '../json.ts'

const PROGRESS_KEY = 'ingot.progress'
const INHERITED_PREFIX = 'ingot.progress-of.'

/** What a table's rows were made from, as the snapshot that has them says: offsets, files, snapshots of inputs. */
export type Progress = Readonly<Record<string, unknown>>

/**
 * The progress of a ref: that of the nearest ancestor of its snapshot that states one, so that commits by others and
 * compaction do not disturb it. When that ancestor has expired, a property of the table states it for the oldest one that
 * is left. Undefined when none does.
 * @throws METADATA_INVALID when it is not a JSON object
 */
export function readProgress(metadata: TableMetadata, ref = 'main'): Progress | undefined {
  const head =
    metadata.refs[ref]?.['snapshot-id'] ?? (ref === 'main' ? metadata['current-snapshot-id'] : undefined)
  if (head === undefined) return undefined
  const stated = statedProgress(metadata, head)
  return stated === undefined ? undefined : parseProgress(stated)
}

/** The text of the progress at a snapshot, and the snapshot that states it, or for which a property does. */
export interface StatedProgress {
  readonly snapshotId: bigint
  readonly text: string
}

/** The progress at a snapshot as it is stated, unread; undefined when none is. */
export function statedProgress(metadata: TableMetadata, snapshotId: bigint): StatedProgress | undefined {
  for (const { 'snapshot-id': id, summary } of ancestorsOf(metadata, snapshotId)) {
    const text = summary[PROGRESS_KEY] ?? metadata.properties[inheritedProgressKey(id)]
    if (text !== undefined) return { snapshotId: id, text }
  }
  return undefined
}

/** The property that states the progress at a snapshot whose ancestors, one of which did, have expired. */
export function inheritedProgressKey(snapshotId: bigint): string {
  return `${INHERITED_PREFIX}${snapshotId}`
}

/** The snapshot that such a property is about; undefined for any other property. */
export function snapshotOfInheritedProgress(property: string): bigint | undefined {
  const id = property.startsWith(INHERITED_PREFIX) ? property.slice(INHERITED_PREFIX.length) : ''
  return /^\d+$/.test(id) ? BigInt(id) : undefined
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

function parseProgress({ snapshotId, text }: StatedProgress): Progress {
  let value: unknown
  try {
    value = parseJson(text)
  } catch (cause) {
    throw unreadable(snapshotId, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(snapshotId)
  return value as Progress
}

function unreadable(snapshotId: bigint, cause?: unknown): IngotError {
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
