import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DatabaseConnection, type Driver, Kysely, SqliteDialect, SqliteDriver, sql } from 'kysely'
import Libsql from 'libsql'
import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'
import type { DatabaseStore } from './database-store.ts'
import { KyselyStore } from './kysely-store.ts'
import { migrateStore } from './store-migrations.ts'
import type { StoreSchema } from './store-schema.ts'

/** How long SQLite itself waits for another process. It blocks this thread, so it stays short. */
const BUSY_TIMEOUT_MS = 100
/** How long a transaction waits for its turn in all. */
const TURN_TIMEOUT_MS = 30_000
const TURN_RETRY_MS = 5

/** Where an embedded store lives. */
export interface LibsqlStoreOptions {
  /** Created, with its folder, when it is not there. Must be on a local disk: WAL shares memory. */
  readonly file: string
  readonly clock: Clock
}

/**
 * The embedded CatalogStore: one SQLite file (libsql), which several processes of one host may open at the same time.
 * A commit is on disk when `apply` resolves (WAL with synchronous=FULL).
 * @throws CATALOG_UNAVAILABLE when the file cannot be opened; UNSUPPORTED when a newer version wrote it
 */
export async function createLibsqlStore(options: LibsqlStoreOptions): Promise<DatabaseStore> {
  const { file, clock } = options
  try {
    await mkdir(dirname(file), { recursive: true })
    const libsql = new Libsql(file, { timeout: BUSY_TIMEOUT_MS })
    const database = new Kysely<StoreSchema>({ dialect: new LibsqlDialect(libsql, clock) })
    try {
      await whenFree(clock, () => libsql.exec('PRAGMA journal_mode = WAL'))
      libsql.exec('PRAGMA synchronous = FULL')
      await database.transaction().execute(migrateStore)
    } catch (error) {
      await database.destroy()
      throw error
    }
    // Transactions follow one another here, by the write lock.
    return new KyselyStore({
      database,
      place: file,
      program: sqliteVersion,
      isSerializationFailure: () => false,
    })
  } catch (cause) {
    if (cause instanceof IngotError) throw cause
    throw new IngotError(
      'CATALOG_UNAVAILABLE',
      `catalog file ${file} cannot be opened: ${(cause as Error).message}`,
      {
        cause,
        hint: 'check that the folder is writable, on a local disk, and that the file is a catalog of ingot',
        context: { file },
      },
    )
  }
}

async function sqliteVersion(database: Kysely<StoreSchema>): Promise<string> {
  const { rows } = await sql<{ version: string }>`select sqlite_version() as version`.execute(database)
  return `SQLite ${rows[0]?.version}`
}

class LibsqlDialect extends SqliteDialect {
  readonly #libsql: Libsql.Database
  readonly #clock: Clock

  constructor(libsql: Libsql.Database, clock: Clock) {
    super({ database: libsql })
    this.#libsql = libsql
    this.#clock = clock
  }

  override createDriver(): Driver {
    return new LibsqlDriver(this.#libsql, this.#clock)
  }
}

class LibsqlDriver extends SqliteDriver {
  readonly #libsql: Libsql.Database
  readonly #clock: Clock

  constructor(libsql: Libsql.Database, clock: Clock) {
    super({ database: libsql })
    this.#libsql = libsql
    this.#clock = clock
  }

  /**
   * Takes the write lock at once: a transaction that read first and writes later fails when another process wrote in
   * between (SQLITE_BUSY_SNAPSHOT), and no waiting helps it. By `exec`, as a prepared statement that was busy stays
   * open in libsql 0.5 until it is collected, and no transaction of the connection can commit meanwhile.
   */
  override async beginTransaction(): Promise<void> {
    await whenFree(this.#clock, () => this.#libsql.exec('begin immediate'))
  }

  /** After some errors (disk full, I/O) SQLite has rolled back by itself, and a second rollback is an error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#libsql.inTransaction) await super.rollbackTransaction(connection)
  }
}

/**
 * Runs `work` until no other connection is in its way. The waiting happens in here, not in SQLite: a connection of
 * this same thread could never finish while SQLite blocks it.
 */
async function whenFree<T>(clock: Clock, work: () => T | Promise<T>): Promise<T> {
  const deadlineMs = clock.nowMs() + TURN_TIMEOUT_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || clock.nowMs() >= deadlineMs) throw error
      await clock.sleep(TURN_RETRY_MS)
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Libsql.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
