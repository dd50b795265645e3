import type { Kysely, Selectable } from 'kysely'
import { IngotError } from '../errors.ts'
import { fromStoredInteger, type StoreSchema } from './store-schema.ts'

type Rows<Table extends keyof StoreSchema> = readonly Selectable<StoreSchema[Table]>[]

/** Everything that a store remembers, as one instant saw it. */
export interface StoreContents {
  readonly namespaces: Rows<'namespaces'>
  readonly pointers: Rows<'pointers'>
  readonly last_transaction: Rows<'last_transaction'>
  /** In their order. */
  readonly transactions: Rows<'transactions'>
  readonly transaction_pointers: Rows<'transaction_pointers'>
  readonly idempotency_keys: Rows<'idempotency_keys'>
}

/** How many rows one statement inserts: databases limit the parameters of a statement. */
const ROWS_MAX = 500

/** Run it in a transaction that sees one instant. */
export async function readContents(database: Kysely<StoreSchema>): Promise<StoreContents> {
  return {
    namespaces: await database.selectFrom('namespaces').selectAll().execute(),
    pointers: await database.selectFrom('pointers').selectAll().execute(),
    last_transaction: await database.selectFrom('last_transaction').selectAll().execute(),
    transactions: await database.selectFrom('transactions').selectAll().orderBy('transaction_id').execute(),
    transaction_pointers: await database.selectFrom('transaction_pointers').selectAll().execute(),
    idempotency_keys: await database.selectFrom('idempotency_keys').selectAll().execute(),
  }
}

/**
 * Puts `contents` in the place of what the store remembers; run it in a transaction.
 * @throws REQUEST_INVALID when that is not the beginning of the same history
 */
export async function writeContents(database: Kysely<StoreSchema>, contents: StoreContents): Promise<void> {
  // Others that commit wait from here on, and then see all of it.
  await database.updateTable('last_transaction').set({ only_row: 1 }).execute()
  requireBeginning(await readContents(database), contents)
  for (const table of [
    'idempotency_keys',
    'transaction_pointers',
    'transactions',
    'pointers',
    'namespaces',
  ] as const) {
    await database.deleteFrom(table).execute()
  }
  await insertAll(contents.namespaces, rows => database.insertInto('namespaces').values(rows).execute())
  await insertAll(contents.pointers, rows => database.insertInto('pointers').values(rows).execute())
  await insertAll(contents.transactions, rows => database.insertInto('transactions').values(rows).execute())
  await insertAll(contents.transaction_pointers, rows =>
    database.insertInto('transaction_pointers').values(rows).execute(),
  )
  await insertAll(contents.idempotency_keys, rows =>
    database.insertInto('idempotency_keys').values(rows).execute(),
  )
  for (const { transaction_id, committed_at_ms } of contents.last_transaction) {
    await database.updateTable('last_transaction').set({ transaction_id, committed_at_ms }).execute()
  }
}

async function insertAll<Row>(
  rows: readonly Row[],
  insert: (rows: readonly Row[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_MAX) await insert(rows.slice(from, from + ROWS_MAX))
}

/** What a store already has may only be an earlier state of what it is to have: then nothing of it is lost. */
export function requireBeginning(present: StoreContents, contents: StoreContents): void {
  const transactions = new Map(contents.transactions.map(row => [fromStoredInteger(row.transaction_id), row]))
  const namespaces = new Set(contents.namespaces.map(row => row.namespace_key))
  const foreign = present.transactions.find(row => {
    const same = transactions.get(fromStoredInteger(row.transaction_id))
    return (
      same?.idempotency_key !== row.idempotency_key ||
      fromStoredInteger(same.committed_at_ms) !== fromStoredInteger(row.committed_at_ms)
    )
  })
  const stranger = present.namespaces.find(row => !namespaces.has(row.namespace_key))
  if (foreign === undefined && stranger === undefined) return
  const what =
    foreign === undefined ? `the namespace ${stranger?.namespace}` : `transaction ${foreign.transaction_id}`
  throw new IngotError('REQUEST_INVALID', `the target has ${what}, which the lake to copy does not have`, {
    hint: 'copy into a catalog that is empty, or that an earlier copy of the same lake made and nobody wrote to',
  })
}
