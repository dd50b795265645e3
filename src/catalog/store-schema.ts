import { type Kysely, sql } from 'kysely'
import { IngotError } from '../errors.ts'

/** The store's tables. Only text and integers, so that every SQL database holds them alike; flags would be 0 and 1. */
export interface StoreSchema {
  namespaces: {
    /** Levels as a JSON array: unlike a joined text, it is unambiguous when a level contains the separator. */
    namespace: string
    /** The same of the namespace around it; `[]` at the top. */
    parent: string
    /** A JSON object. */
    properties: string
  }
  pointers: { namespace: string; name: string; metadata_location: string }
  /** One row: the last transaction. Updating it first puts transactions in a row on every database. */
  last_transaction: { only_row: number; transaction_id: StoredInteger; committed_at_ms: StoredInteger }
  transactions: {
    transaction_id: StoredInteger
    committed_at_ms: StoredInteger
    idempotency_key: string
    note: string | null
  }
  transaction_pointers: {
    transaction_id: StoredInteger
    /** The place of the change in its commit, from 0. */
    position: number
    namespace: string
    name: string
    metadata_location: string | null
  }
  idempotency_keys: {
    idempotency_key: string
    /** Null: given up. */
    request_hash: string | null
    transaction_id: StoredInteger | null
    created_at_ms: StoredInteger
  }
}

/** Integers beyond 32 bits: SQLite answers a number, PostgreSQL a text. */
type StoredInteger = number | string

/** The one codec of big integers; ids and milliseconds stay far below 2^53. */
export function fromStoredInteger(value: StoredInteger): number {
  return Number(value)
}

type Migration = (database: Kysely<StoreSchema>) => Promise<void>

/** Forward only: a step that was released is never changed, only followed. */
const MIGRATIONS: readonly Migration[] = [createTables]

async function createTables(database: Kysely<StoreSchema>): Promise<void> {
  for (const statement of [
    'create table namespaces (namespace text primary key, parent text not null, properties text not null)',
    'create index namespaces_by_parent on namespaces (parent)',
    'create table pointers (namespace text not null, name text not null, metadata_location text not null, primary key (namespace, name))',
    'create table last_transaction (only_row integer primary key, transaction_id bigint not null, committed_at_ms bigint not null)',
    'insert into last_transaction (only_row, transaction_id, committed_at_ms) values (1, 0, 0)',
    'create table transactions (transaction_id bigint primary key, committed_at_ms bigint not null, idempotency_key text not null, note text)',
    'create index transactions_by_time on transactions (committed_at_ms)',
    'create table transaction_pointers (transaction_id bigint not null, position integer not null, namespace text not null, name text not null, metadata_location text, primary key (transaction_id, position))',
    'create index transaction_pointers_by_table on transaction_pointers (namespace, name, transaction_id)',
    'create table idempotency_keys (idempotency_key text primary key, request_hash text, transaction_id bigint, created_at_ms bigint not null)',
  ]) {
    await sql.raw(statement).execute(database)
  }
}

/**
 * Brings a store to the newest schema; run it inside a transaction that excludes other writers.
 * @throws UNSUPPORTED when a newer version of the program wrote it
 */
export async function migrateStore(database: Kysely<StoreSchema>): Promise<void> {
  await sql`create table if not exists schema_version (version integer not null)`.execute(database)
  const { rows } = await sql<{ version: number }>`select version from schema_version`.execute(database)
  const version = rows[0]?.version ?? 0
  if (version > MIGRATIONS.length) {
    throw new IngotError(
      'UNSUPPORTED',
      `catalog store has schema ${version}, this version knows ${MIGRATIONS.length}`,
      { hint: 'run the version of ingot that wrote the store, or a newer one' },
    )
  }
  if (version === MIGRATIONS.length) return
  for (const migrate of MIGRATIONS.slice(version)) await migrate(database)
  await sql`delete from schema_version`.execute(database)
  await sql`insert into schema_version (version) values (${MIGRATIONS.length})`.execute(database)
}
