// A process that commits to a catalog until it has done `commits` of them, or until it stops for good before the
// statement of its database that `stopBefore` counts, so that its parent can kill it at a known instant.
import Libsql from 'libsql'
import { Client } from 'pg'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import { createPostgresStore } from '../../../src/catalog/postgres-store.ts'
import { systemClock } from '../../../src/clock.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { setProperty } from '../../conformance/catalog-samples.ts'

/** What the parent asks for, as the process's one argument. */
export interface CommittingTask {
  readonly folder: string
  /** Left out: the store is a file in the folder. */
  readonly postgresUrl?: string
  readonly name: string
  readonly commits: number
  readonly stopBefore?: number
}

export type CommittingMessage =
  | { readonly type: 'committed'; readonly idempotencyKey: string; readonly transactionId: number }
  | { readonly type: 'stopped'; readonly statement: string }

const TABLES = ['left', 'right'].map(name => ({ namespace: ['pair'], name }))

async function run(task: CommittingTask): Promise<void> {
  const catalog = createLocalCatalog({
    store:
      task.postgresUrl === undefined
        ? await createLibsqlStore({ file: `${task.folder}/catalog.db`, clock: systemClock })
        : await createPostgresStore({ url: task.postgresUrl }),
    io: createLocalFileIO(),
    clock: systemClock,
    random: systemRandom,
    root: `file://${task.folder}/lake`,
  })
  const tables = await Promise.all(TABLES.map(identifier => catalog.loadTable(identifier)))
  if (task.stopBefore !== undefined) stopBefore(task.stopBefore)
  for (let index = 0; index < task.commits; index++) {
    const idempotencyKey = `${task.name}-${index}`
    const changes = tables.map(table => setProperty(table, 'last', idempotencyKey))
    const { transactionId } = await catalog.commit(changes, { idempotencyKey })
    send({ type: 'committed', idempotencyKey, transactionId })
  }
  await catalog.close()
  process.disconnect()
}

/** Both databases: each statement that the process has in mind counts, whichever it uses. */
function stopBefore(count: number): void {
  let statements = 0
  const countStatement = (statement: string): void => {
    statements += 1
    if (statements !== count) return
    send({ type: 'stopped', statement })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
  const { prepare } = Libsql.prototype
  Libsql.prototype.prepare = function (this: Libsql.Database, sql: string) {
    countStatement(sql)
    return prepare.call(this, sql)
  } as typeof prepare
  const { query } = Client.prototype
  Client.prototype.query = function (this: Client, sql: string, ...rest: readonly unknown[]) {
    countStatement(sql)
    return Reflect.apply(query, this, [sql, ...rest])
  } as typeof query
}

function send(message: CommittingMessage): void {
  process.send?.(message)
}

await run(JSON.parse(process.argv[2] ?? '') as CommittingTask)
