import type { DatabaseStore } from '../../src/catalog/database-store.ts'
import { createPostgresStore, type PostgresStoreOptions } from '../../src/catalog/postgres-store.ts'
import { skipWithout } from '../interop/interop-tools.ts'
import { PostgresServer, postgresTool } from './postgres-server.ts'

/** The option that makes a test skipped where no PostgreSQL can be had, with the reason. */
export const withPostgres = skipWithout(await postgresTool())

let server: Promise<PostgresServer> | undefined

/**
 * The PostgreSQL that all tests of this process share, started by the first; none of them may stop it. Not stopped by an
 * `after` of the root suite: that runs as soon as no test is left to run, while later files are still being imported.
 */
export function sharedPostgres(): Promise<PostgresServer> {
  server ??= startShared()
  return server
}

async function startShared(): Promise<PostgresServer> {
  const started = await PostgresServer.start()
  started.stopAtExit()
  return started
}

/** Stores over one new database. */
export interface PostgresFixture {
  readonly server: PostgresServer
  readonly database: string
  readonly url: string
  open(options?: Partial<PostgresStoreOptions>): Promise<DatabaseStore>
  dispose(): Promise<void>
}

export async function openPostgresFixture(): Promise<PostgresFixture> {
  const postgres = await sharedPostgres()
  const database = await postgres.createDatabase()
  const opened: DatabaseStore[] = []
  const url = postgres.url(database)
  return {
    server: postgres,
    database,
    url,
    open: async options => {
      const store = await createPostgresStore({ url, ...options })
      opened.push(store)
      return store
    },
    dispose: async () => {
      for (const store of opened) await store.close()
    },
  }
}
