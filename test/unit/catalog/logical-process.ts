// A process over one PostgreSQL: it commits by several writers at once until it has done its share, or serves the
// catalog over HTTP until it is killed.

import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import { createPostgresStore } from '../../../src/catalog/postgres-store.ts'
import type { CatalogStore } from '../../../src/catalog/store.ts'
import { systemClock } from '../../../src/clock.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { serveCatalog } from '../../conformance/catalog-fixtures.ts'
import { awaitCatalog, commitLogically, type WriterTally } from '../../support/logical-commits.ts'

/** What the parent asks for, as the process's one argument. */
export type LogicalTask = { readonly folder: string; readonly postgresUrl: string } & (
  | { readonly type: 'write'; readonly writers: readonly (readonly string[])[] }
  | { readonly type: 'serve' }
)

export type LogicalMessage =
  | { readonly type: 'committed'; readonly logicalId: string }
  | { readonly type: 'done'; readonly tally: WriterTally }
  | { readonly type: 'serving'; readonly url: string }

async function run(task: LogicalTask): Promise<void> {
  const catalog = createLocalCatalog({
    store: await openStore(task.postgresUrl),
    io: createLocalFileIO(),
    clock: systemClock,
    random: systemRandom,
    root: `file://${task.folder}/lake`,
  })
  if (task.type === 'serve') {
    const { url } = await serveCatalog(catalog)
    send({ type: 'serving', url })
    return
  }
  const tally: WriterTally = { conflicts: 0, unavailable: 0, unknown: 0 }
  const write = async (logicalIds: readonly string[]): Promise<void> => {
    for (const logicalId of logicalIds) {
      await commitLogically(() => catalog, logicalId, tally)
      send({ type: 'committed', logicalId })
    }
  }
  await Promise.all(task.writers.map(write))
  send({ type: 'done', tally })
  await catalog.close()
  process.disconnect()
}

/** Whoever starts while the server is away tries again, as its supervisor would have it do. */
async function openStore(url: string): Promise<CatalogStore> {
  for (;;) {
    try {
      return await createPostgresStore({ url })
    } catch (error) {
      await awaitCatalog(error)
    }
  }
}

function send(message: LogicalMessage): void {
  process.send?.(message)
}

await run(JSON.parse(process.argv[2] ?? '') as LogicalTask)
