import type { LoadedTable } from '../catalog/catalog.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { requireMain } from './staged-changes.ts'
import type { Transaction } from './transaction.ts'

/** What a clone becomes. */
export interface NewClone {
  readonly identifier: TableIdentifier
  /** Main of the clone; null: it is empty. @default it is as the table was loaded, with its history */
  readonly snapshotId?: bigint | null
}

/**
 * Has a table cloned along with a transaction, which is refused when main of the table has moved since it was loaded, or when
 * the name is taken. No file of it is copied: the two share them, and what either writes from then on is its own.
 */
export function includeClone(
  transaction: Transaction,
  { identifier: of, metadata }: LoadedTable,
  { identifier, snapshotId }: NewClone,
): void {
  const requirements =
    snapshotId === undefined
      ? requireMain(metadata)
      : [{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] } as const]
  transaction.include({ identifier: of, requirements, updates: [] })
  transaction.include({
    identifier,
    requirements: [{ type: 'assert-create' }],
    updates: [],
    origin: { type: 'clone', of, ...(snapshotId === undefined ? {} : { snapshotId }) },
  })
}
