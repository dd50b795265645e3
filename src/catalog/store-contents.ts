import type { Insertable, Kysely, Selectable } from 'kysely'
import { IngotError } from '../errors.ts'
import { fromStoredInteger, type StoreSchema } from './store-schema.ts'

type Table = keyof StoreSchema

/** Everything that a store remembers, as one instant saw it; transactions in their order. */
export type StoreContents = { readonly [T in Table]: readonly Selectable<StoreSchema[T]>[] }

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
    credentials: await database.selectFrom('credentials').selectAll().execute(),
    grants: await database.selectFrom('grants').selectAll().execute(),
    audit_events: await database.selectFrom('audit_events').selectAll().execute(),
  }
}

/** The one row that others lock is changed, and never exchanged. */
type ExchangedTable = Exclude<Table, 'last_transaction'>

type Insert<T extends Table> = (
  database: Kysely<StoreSchema>,
  rows: readonly Insertable<StoreSchema[T]>[],
) => { execute(): Promise<unknown> }

const INSERTS: { readonly [T in ExchangedTable]: Insert<T> } = {
  namespaces: (database, rows) => database.insertInto('namespaces').values(rows),
  pointers: (database, rows) => database.insertInto('pointers').values(rows),
  transactions: (database, rows) => database.insertInto('transactions').values(rows),
  transaction_pointers: (database, rows) => database.insertInto('transaction_pointers').values(rows),
  idempotency_keys: (database, rows) => database.insertInto('idempotency_keys').values(rows),
  credentials: (database, rows) => database.insertInto('credentials').values(rows),
  grants: (database, rows) => database.insertInto('grants').values(rows),
  audit_events: (database, rows) => database.insertInto('audit_events').values(rows),
}

/**
 * Puts `contents` in the place of what the store remembers; run it in a transaction.
 * @throws REQUEST_INVALID when that is not an earlier state of the same store
 */
export async function writeContents(database: Kysely<StoreSchema>, contents: StoreContents): Promise<void> {
  // Others that commit wait from here on, and then see all of it.
  await database.updateTable('last_transaction').set({ only_row: 1 }).execute()
  requireBeginning(await readContents(database), contents)
  for (const table of Object.keys(INSERTS) as ExchangedTable[]) {
    await exchangeRows(database, contents, table)
  }
  for (const { transaction_id, committed_at_ms } of contents.last_transaction) {
    await database.updateTable('last_transaction').set({ transaction_id, committed_at_ms }).execute()
  }
}

async function exchangeRows<T extends ExchangedTable>(
  database: Kysely<StoreSchema>,
  contents: StoreContents,
  table: T,
): Promise<void> {
  await database.deleteFrom<ExchangedTable>(table).execute()
  const insert: Insert<T> = INSERTS[table]
  // What was read from a table can be written to it: no column of the schema is one or the other alone.
  const rows = contents[table] as unknown as readonly Insertable<StoreSchema[T]>[]
  for (let from = 0; from < rows.length; from += ROWS_MAX) {
    await insert(database, rows.slice(from, from + ROWS_MAX)).execute()
  }
}

/**
 * What a store already has may only be an earlier state of what it is to have, so that nothing of it is lost. Every change
 * leaves a transaction, a key or an event of the log, which are never changed.
 */
export function requireBeginning(present: StoreContents, contents: StoreContents): void {
  const marks = new Set(marksOf(contents))
  const stranger = marksOf(present).find(mark => !marks.has(mark))
  if (stranger === undefined) return
  throw new IngotError(
    'REQUEST_INVALID',
    `the target has ${stranger}, which the lake to copy does not have`,
    {
      hint: 'copy into a catalog that is empty, or that an earlier copy of the same lake made and nobody wrote to',
    },
  )
}

function marksOf({ transactions, idempotency_keys, audit_events }: StoreContents): readonly string[] {
  return [
    ...transactions.map(
      row =>
        `transaction ${row.transaction_id} of ${new Date(fromStoredInteger(row.committed_at_ms)).toISOString()} under key ${row.idempotency_key}`,
    ),
    ...idempotency_keys.map(row => `a change under key ${row.idempotency_key}`),
    ...audit_events.map(row => `event ${row.event_id} of its log, ${row.action} at ${row.at_ms}`),
  ]
}
