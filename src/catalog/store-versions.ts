import type { Kysely } from 'kysely'
import type { TableVersion, VersionsOfTable } from './catalog.ts'
import { fromStoredInteger, type StoreSchema, tableKey, VERSION_STATE } from './store-schema.ts'

type Database = Kysely<StoreSchema>

/** How many ids one statement names: databases limit the parameters of a statement. */
const IDS_MAX = 500

/** Every version but those whose files are removed, in the order of their transactions. */
export async function listVersions(database: Database): Promise<readonly TableVersion[]> {
  const rows = await database
    .selectFrom('transaction_pointers')
    .innerJoin('transactions', 'transactions.transaction_id', 'transaction_pointers.transaction_id')
    .select(['transactions.transaction_id', 'committed_at_ms', 'namespace', 'name', 'metadata_location'])
    .select(['state', 'note'])
    .where('state', '<>', VERSION_STATE.removed)
    .where('kind', '=', 'table')
    .orderBy('transactions.transaction_id')
    .orderBy('position')
    .execute()
  return rows.map(row => ({
    identifier: { namespace: JSON.parse(row.namespace), name: row.name },
    transactionId: fromStoredInteger(row.transaction_id),
    committedAtMs: fromStoredInteger(row.committed_at_ms),
    metadataLocation: row.metadata_location,
    isForgotten: row.state !== VERSION_STATE.kept,
    purgeRequested: row.metadata_location === null && isNoted(row.note, 'purgeRequested'),
    isUnregistered: row.metadata_location === null && isNoted(row.note, 'unregistered'),
  }))
}

function isNoted(note: string | null, key: string): boolean {
  return note !== null && JSON.parse(note)[key] === true
}

/** Moves versions of one table on to `state`, inside an open transaction; a current version stays as it is. */
export async function forgetVersions(
  database: Database,
  { identifier, transactionIds }: VersionsOfTable,
  state: number,
): Promise<void> {
  const key = tableKey(identifier)
  for (const ids of chunksOf(transactionIds)) {
    await database
      .updateTable('transaction_pointers')
      .set({ state })
      .where('table_key', '=', key)
      .where('transaction_id', 'in', ids)
      .where('state', '<', state)
      // Drops stay, as what says that there was no table.
      .where('metadata_location', 'is not', null)
      .where('metadata_location', 'not in', current =>
        current.selectFrom('pointers').select('metadata_location'),
      )
      .execute()
  }
  await joinNeighbours(database, key)
}

/** Of forgotten versions that follow one another the first says all that is to be said. */
async function joinNeighbours(database: Database, key: string): Promise<void> {
  const rows = await database
    .selectFrom('transaction_pointers')
    .select(['transaction_id', 'state'])
    .where('table_key', '=', key)
    .orderBy('transaction_id')
    .orderBy('position')
    .execute()
  const isAsBefore = (index: number): boolean => {
    const [before, row] = [rows[index - 1], rows[index]]
    return before !== undefined && row !== undefined && row.state !== 0 && row.state === before.state
  }
  const surplus = rows.flatMap((row, index) => (isAsBefore(index) ? [row.transaction_id] : []))
  for (const ids of chunksOf(surplus)) {
    await database
      .deleteFrom('transaction_pointers')
      .where('table_key', '=', key)
      .where('transaction_id', 'in', ids)
      .where('state', '<>', VERSION_STATE.kept)
      .execute()
  }
}

function chunksOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / IDS_MAX) }, (_, index) =>
    items.slice(index * IDS_MAX, (index + 1) * IDS_MAX),
  )
}
