import { isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema, schemaById } from '../format/schema.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { type Changes, planChanges } from '../table/changes.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { inputName, type RefreshProgress } from './refresh-progress.ts'
import type { DerivedTable } from './winning-rows.ts'

/** An input of a table as this run sees it: what other tables of the run staged is in it. */
export interface InputState {
  /** Its place among the table's inputs. */
  readonly input: number
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
  /** Null: it has none yet. */
  readonly snapshotId: bigint | null
  /** What the table was made from last; undefined: never, or the table does not say. */
  readonly previous: { readonly snapshotId: bigint | null } | undefined
  /** Between the two; `expired` when the older is gone, undefined when there is none or both are the same. */
  readonly changes: Changes | 'expired' | undefined
}

/** The state of each input that the catalog or this run has. */
export async function loadInputs(
  context: TableContext,
  transaction: Transaction,
  table: DerivedTable,
  progress: RefreshProgress | undefined,
): Promise<readonly InputState[]> {
  const inputs = await Promise.all(
    table.inputs.map(async (identifier, input): Promise<InputState | undefined> => {
      const staged = await transaction.table(identifier)
      if (staged === undefined) return undefined
      const { metadata } = staged
      const snapshotId = currentSnapshot(metadata)?.['snapshot-id'] ?? null
      const previousId = progress?.inputs.get(inputName(identifier))
      const previous = previousId === undefined ? undefined : { snapshotId: previousId }
      const changes = await changesSince(context, metadata, previous, snapshotId)
      return { input, identifier, metadata, snapshotId, previous, changes }
    }),
  )
  return inputs.filter(input => input !== undefined)
}

async function changesSince(
  context: TableContext,
  metadata: TableMetadata,
  previous: InputState['previous'],
  snapshotId: bigint | null,
): Promise<InputState['changes']> {
  if (previous === undefined || previous.snapshotId === snapshotId) return undefined
  try {
    return await planChanges(context, metadata, {
      fromSnapshotId: previous.snapshotId,
      toSnapshotId: snapshotId,
    })
  } catch (error) {
    if (isIngotError(error, 'SNAPSHOT_NOT_FOUND')) return 'expired'
    throw error
  }
}

/**
 * A column of which the rows that the table was made from had another of the same name: read today, those rows have nulls there.
 * Undefined: there is none.
 */
export function exchangedColumn({ metadata, previous }: InputState): string | undefined {
  const before = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === previous?.snapshotId)?.[
    'schema-id'
  ]
  if (before === undefined || before === metadata['current-schema-id']) return undefined
  const formerIds = new Map(schemaById(metadata, before).fields.map(({ name, id }) => [name, id]))
  return currentSchema(metadata).fields.find(
    ({ name, id }) => formerIds.has(name) && formerIds.get(name) !== id,
  )?.name
}

/** Whether files of the input came, or went or were written again. */
export function changeKind({ changes }: InputState): 'none' | 'inserts' | 'mixed' {
  if (changes === undefined || changes === 'expired') return 'none'
  if (changes.removed.tasks.length > 0) return 'mixed'
  return changes.added.tasks.length > 0 ? 'inserts' : 'none'
}
