import type { Catalog, TransactionRecord } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'

/** How many transactions of a table are looked through at once. */
const PAGE = 1000

/** A transaction that dropped a table, and what the table was. */
export interface LastDrop {
  readonly record: TransactionRecord
  /** The last transaction in which the table was there. */
  readonly transactionId: number
}

/**
 * The newest transaction that dropped a table of this name, whatever has the name now; undefined when none did. A rename is no drop; nor is
 * giving a table up to another catalog, which has all that came before it, too.
 */
export async function findLastDrop(catalog: Catalog, table: TableIdentifier): Promise<LastDrop | undefined> {
  let before: number | undefined
  for (;;) {
    const page = { table, limit: PAGE, ...(before !== undefined && { before }) }
    const records = await catalog.transactions(page)
    for (const record of records) {
      if (!isDropped(record, table) || (await isRename(catalog, record, table))) continue
      const isGivenUp = record.note?.unregistered === true
      return isGivenUp ? undefined : { record, transactionId: record.transactionId - 1 }
    }
    before = records.at(-1)?.transactionId
    if (records.length < PAGE || before === undefined) return undefined
  }
}

/** Whether a transaction dropped a table of this name. */
export function isDropped({ pointers }: TransactionRecord, table: TableIdentifier): boolean {
  const key = identifierKey(table)
  return pointers.some(
    ({ identifier, metadataLocation, kind }) =>
      kind !== 'view' && metadataLocation === null && identifierKey(identifier) === key,
  )
}

async function isRename(
  catalog: Catalog,
  { transactionId, pointers }: TransactionRecord,
  table: TableIdentifier,
): Promise<boolean> {
  if (pointers.every(({ metadataLocation }) => metadataLocation === null)) return false
  try {
    const then = await catalog.loadTableAt(table, { transactionId: transactionId - 1 })
    return pointers.some(({ metadataLocation }) => metadataLocation === then.metadataLocation)
  } catch (error) {
    // What is forgotten was a table that is gone: of one that was renamed, versions go on.
    if (isIngotError(error, 'HISTORY_FORGOTTEN')) return false
    throw error
  }
}
