import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import type { Client, Pool, PoolClient, QueryResult } from 'pg'
import { IngotError } from '../errors.ts'
import type { DatabaseStore } from './database-store.ts'
import { KyselyStore } from './kysely-store.ts'
import { passwordFromFile } from './password-file.ts'
import { describePostgresUrl, driverUrl } from './postgres-url.ts'
import { reasonOf } from './store-failures.ts'
import { migrateStore } from './store-migrations.ts'
import type { StoreSchema } from './store-schema.ts'

/** Held while the schema is made or changed; any number that no other program uses in the same database. */
const MIGRATION_LOCK = 4_071_994_113

/** How much longer than the server this process waits for an answer: it hears of a time limit rather than guess. */
const ANSWER_GRACE_MS = 5_000

/** Where a store in PostgreSQL lives, and how long it is waited for. */
export interface PostgresStoreOptions {
  /**
   * `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…`. What it leaves out comes from the PG…
   * variables of libpq, a password from ~/.pgpass, too. Without `sslmode` there is no TLS.
   */
  readonly url: string
  /** @default 8 */
  readonly connectionsMax?: number
  /** For a connection, be it new or one that others use. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** For one statement, its wait for the transactions of others included. @default 30_000 */
  readonly statementTimeoutMs?: number
  /** How long a process that stops in the middle of a commit holds up the others. @default 10_000 */
  readonly idleInTransactionTimeoutMs?: number
}

/**
 * The CatalogStore for several hosts: one PostgreSQL database, which any number of processes may share. A commit is as
 * durable as the server makes it when `apply` resolves; never less than flushed to its disk, unless it has `fsync` off.
 * @throws CONFIG_INVALID when the URL is none, or the database is not in UTF-8; CATALOG_UNAVAILABLE when it cannot be
 *   reached or used; UNSUPPORTED when a newer version wrote it
 */
export async function createPostgresStore(options: PostgresStoreOptions): Promise<DatabaseStore> {
  try {
    return await openStore(options)
  } catch (error) {
    throw notOpened(error, options.url)
  }
}

async function openStore(options: PostgresStoreOptions): Promise<DatabaseStore> {
  const database = new Kysely<StoreSchema>({
    dialect: new PostgresDialect({ pool: await openPool(options) }),
  })
  try {
    await migrate(database)
  } catch (error) {
    await database.destroy()
    throw error
  }
  return new KyselyStore({
    database,
    place: describePostgresUrl(options.url),
    program: postgresVersion,
    isSerializationFailure,
  })
}

async function postgresVersion(database: Kysely<StoreSchema>): Promise<string> {
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(database)
  return `PostgreSQL ${rows[0]?.server_version}`
}

async function openPool(options: PostgresStoreOptions): Promise<PostgresPool> {
  const { connectionsMax = 8, connectTimeoutMs = 10_000, statementTimeoutMs = 30_000 } = options
  // Lazily: who keeps the catalog in a file does not pay for it.
  const { Client, Pool } = await import('pg')
  const pool = new Pool({
    connectionString: await withPassword(driverUrl(options.url), Client),
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    keepAlive: true,
    fallback_application_name: 'ingot',
    onConnect: client => prepareConnection(client as PoolClient, options),
  })
  // A connection that breaks while nobody uses it is replaced when it is needed.
  pool.on('error', () => undefined)
  return new GuardedPool(pool)
}

/** The URL with the password of the password file, when neither it nor PGPASSWORD has one. */
async function withPassword(connectionString: string, client: typeof Client): Promise<string> {
  const { host, port, database = '', user = '', password } = new client({ connectionString })
  if (password) return connectionString
  const found = await passwordFromFile({ host, port, database, user }, process.env)
  if (found === undefined) return connectionString
  const url = new URL(connectionString)
  url.searchParams.set('password', found)
  return url.href
}

/** Settings by statement, not at startup: poolers between refuse startup parameters that they do not know. */
async function prepareConnection(client: PoolClient, options: PostgresStoreOptions): Promise<void> {
  const { statementTimeoutMs = 30_000, idleInTransactionTimeoutMs = 10_000 } = options
  client.on('error', error => failures.set(client, error))
  await client.query(
    `select set_config('statement_timeout', $1, false),
            set_config('idle_in_transaction_session_timeout', $2, false),
            set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false)`,
    [String(statementTimeoutMs), String(idleInTransactionTimeoutMs)],
  )
}

/** Why a connection must not be used any more. */
const failures = new WeakMap<PoolClient, Error>()

/**
 * Connections of which each is given up after its first error. Nothing is sent on it any more, so that no statement
 * follows one whose answer is unknown, and no transaction is committed in which one failed; the server rolls it back
 * when it sees the connection closed.
 */
class GuardedPool implements PostgresPool {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#pool.connect()
    const query = async (text: string, parameters: readonly unknown[]): Promise<QueryResult> => {
      const failure = failures.get(client)
      if (failure !== undefined) throw failure
      try {
        return await client.query(text, [...parameters])
      } catch (error) {
        if (!failures.has(client)) failures.set(client, error as Error)
        throw failures.get(client)
      }
    }
    const release = (): void => client.release(failures.get(client))
    // The type asks for cursors as well, which nobody opens.
    return { query, release } as unknown as PostgresPoolClient
  }

  end(): Promise<void> {
    return this.#pool.end()
  }
}

async function migrate(database: Kysely<StoreSchema>): Promise<void> {
  const { rows } = await sql<{ server_encoding: string }>`show server_encoding`.execute(database)
  const encoding = rows[0]?.server_encoding
  if (encoding !== 'UTF8') {
    throw new IngotError('CONFIG_INVALID', `the database of the catalog is in ${encoding}, not in UTF8`, {
      hint: "create one with: create database … encoding 'UTF8' template template0",
    })
  }
  await database
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async transaction => {
      // Of several processes that start at once one migrates; the others find nothing left to do.
      await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction)
      await migrateStore(transaction)
    })
}

/** SQLSTATE: serialization_failure, deadlock_detected. The server has rolled back, also when it says so at COMMIT. */
function isSerializationFailure(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error))
}

const CHECK_PASSWORD = 'check the user and the password: in the URL, PGPASSWORD or ~/.pgpass'

/** Beginnings of SQLSTATEs that no repetition mends, with what does. */
const LASTING: Readonly<Record<string, string>> = {
  '28': CHECK_PASSWORD,
  '3D': 'create the database first: createdb',
  '3F': 'create the schema that search_path names',
  '42501': 'the role needs CREATE on the schema that search_path names first',
}

function notOpened(error: unknown, url: string): unknown {
  if (error instanceof IngotError) return error
  const lasting = lastingHintFor(error)
  const place = describePostgresUrl(url)
  return new IngotError(
    'CATALOG_UNAVAILABLE',
    `${place} cannot be used as the catalog store: ${reasonOf(error)}`,
    {
      cause: error,
      retryable: lasting === undefined,
      hint: lasting ?? 'check that PostgreSQL runs there and accepts connections from this host',
      context: { url: place },
    },
  )
}

function lastingHintFor(error: unknown): string | undefined {
  const state = sqlStateOf(error)
  const lasting = Object.entries(LASTING).find(([beginning]) => state.startsWith(beginning))
  // The server asked for a password, and the driver has none.
  const isPasswordMissing = state === '' && /client password must be/.test(reasonOf(error))
  return isPasswordMissing ? CHECK_PASSWORD : lasting?.[1]
}

function sqlStateOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
