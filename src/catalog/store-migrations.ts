import { type Kysely, sql } from 'kysely'
import { IngotError } from '../errors.ts'
import { namespaceKey, type StoreSchema, tableKey } from './store-schema.ts'

interface Migration {
  /** What it is about, for operators. */
  readonly about: string
  readonly migrate: (database: Kysely<StoreSchema>) => Promise<void>
}

/** One list for every database. Forward only: a step that was released is never changed, only followed. */
const MIGRATIONS: readonly Migration[] = [
  { about: 'tables', migrate: createTables },
  { about: 'names by key', migrate: findNamesByKey },
  { about: 'forgotten versions', migrate: forgetVersions },
  { about: 'views', migrate: tellViews },
  { about: 'access and audit', migrate: addAccess },
]

/** What the migrations of a store that is open are about: opening it applies all of them. */
export const MIGRATIONS_APPLIED: readonly string[] = MIGRATIONS.map(({ about }) => about)

/**
 * Brings a store to the newest schema; run it inside a transaction that excludes other migrations.
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
  // Processes of the older version may be at work: those that change something come before this, or after it.
  if (version > 0) await sql`update last_transaction set only_row = only_row`.execute(database)
  for (const { migrate } of MIGRATIONS.slice(version)) await migrate(database)
  await sql`delete from schema_version`.execute(database)
  await sql`insert into schema_version (version) values (${MIGRATIONS.length})`.execute(database)
}

function createTables(database: Kysely<StoreSchema>): Promise<void> {
  return execute(database, [
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
  ])
}

/** Names become long without bound to the index. Tables are copied, as SQLite changes no primary key. */
async function findNamesByKey(database: Kysely<StoreSchema>): Promise<void> {
  await execute(database, [
    'create table keyed_namespaces (namespace_key text primary key, parent_key text not null, namespace text not null, properties text not null)',
    'create table keyed_pointers (table_key text primary key, namespace_key text not null, namespace text not null, name text not null, metadata_location text not null)',
    'create table keyed_transaction_pointers (transaction_id bigint not null, position integer not null, table_key text not null, namespace text not null, name text not null, metadata_location text, primary key (transaction_id, position))',
  ])
  await copyNamespaces(database)
  await copyPointers(database)
  for (const table of ['namespaces', 'pointers', 'transaction_pointers']) {
    await execute(database, [`drop table ${table}`, `alter table keyed_${table} rename to ${table}`])
  }
  await execute(database, [
    'create index namespaces_by_parent on namespaces (parent_key)',
    'create index pointers_by_namespace on pointers (namespace_key)',
    'create index transaction_pointers_by_table on transaction_pointers (table_key, transaction_id)',
  ])
}

function forgetVersions(database: Kysely<StoreSchema>): Promise<void> {
  return execute(database, ['alter table transaction_pointers add column state integer not null default 0'])
}

/** Tables and views share one space of names, and so one table of pointers. */
function tellViews(database: Kysely<StoreSchema>): Promise<void> {
  return execute(database, [
    "alter table pointers add column kind text not null default 'table'",
    "alter table transaction_pointers add column kind text not null default 'table'",
  ])
}

/** Who may come in, what they may do, and who changed what. */
function addAccess(database: Kysely<StoreSchema>): Promise<void> {
  return execute(database, [
    'create table credentials (client_id text primary key, secret_hash text not null, principal text not null, roles text not null, created_at_ms bigint not null, expires_at_ms bigint, issued_from text)',
    'create index credentials_by_principal on credentials (principal)',
    'create index credentials_by_issuer on credentials (issued_from)',
    'create table grants (grant_key text primary key, role text not null, privilege text not null, securable text not null)',
    'create table audit_events (event_id bigint primary key, at_ms bigint not null, principal text, action text not null, target text not null, transaction_id bigint)',
    'create index audit_events_by_principal on audit_events (principal, event_id)',
  ])
}

async function copyNamespaces(database: Kysely<StoreSchema>): Promise<void> {
  const { rows } = await sql<{ namespace: string }>`select namespace from namespaces`.execute(database)
  for (const { namespace } of rows) {
    const levels: readonly string[] = JSON.parse(namespace)
    const [key, parentKey] = [namespaceKey(levels), namespaceKey(levels.slice(0, -1))]
    await sql`insert into keyed_namespaces (namespace_key, parent_key, namespace, properties)
      select cast(${key} as text), cast(${parentKey} as text), namespace, properties
      from namespaces where namespace = ${namespace}`.execute(database)
  }
}

/** Table by table: their history may be long. */
async function copyPointers(database: Kysely<StoreSchema>): Promise<void> {
  const { rows } = await sql<{ namespace: string; name: string }>`
    select distinct namespace, name from transaction_pointers`.execute(database)
  for (const { namespace, name } of rows) {
    const levels: readonly string[] = JSON.parse(namespace)
    const [key, inKey] = [tableKey({ namespace: levels, name }), namespaceKey(levels)]
    await sql`insert into keyed_pointers (table_key, namespace_key, namespace, name, metadata_location)
      select cast(${key} as text), cast(${inKey} as text), namespace, name, metadata_location
      from pointers where namespace = ${namespace} and name = ${name}`.execute(database)
    await sql`insert into keyed_transaction_pointers
        (transaction_id, position, table_key, namespace, name, metadata_location)
      select transaction_id, position, cast(${key} as text), namespace, name, metadata_location
      from transaction_pointers where namespace = ${namespace} and name = ${name}`.execute(database)
  }
}

async function execute(database: Kysely<StoreSchema>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database)
}
