import type { Catalog, LoadedTable, TableChange } from '../../src/catalog/catalog.ts'
import type { CatalogStore } from '../../src/catalog/store.ts'
import { isIngotError } from '../../src/errors.ts'
import type { Update } from '../../src/format/metadata-types.ts'
import { BEGAN_AT } from '../../src/format/table-updates.ts'
import { randomUuid } from '../../src/random.ts'
import type { MemoryFileIO } from '../../src/storage/memory-file-io.ts'
import { snapshotOfInheritedProgress } from '../../src/table/progress.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { Variant } from './world.ts'

/** Protocols with one rule left out. Each must do damage that the simulation sees. */
export const BROKEN_VARIANTS = {
  noIdempotencyKey: {
    name: 'commits come without their idempotency key',
    wrapCatalog(catalog) {
      const random = createSeededRandom(99)
      return override(catalog, {
        commit: (changes, options) =>
          catalog.commit(changes, { ...options, idempotencyKey: randomUuid(random) }),
      })
    },
  },

  keyNotGivenUp: {
    name: 'a key that somebody asked for in vain can still be used later',
    wrapStore: store =>
      override(store, { giveUpKey: async key => (await store.findKey(key)) ?? { type: 'given-up' } }),
  },

  dataFileNotSynced: {
    name: 'data files are not synced',
    skips: ({ call, path }) => call === 'fsync' && path.endsWith('.parquet'),
  },

  dataFolderNotSynced: {
    name: 'the folder of data files is not synced',
    skips: ({ call, path }) => call === 'fsync' && path.endsWith('/data'),
  },

  metadataFileNotSynced: {
    name: 'metadata files are not synced',
    skips: ({ call, path }) => call === 'fsync' && path.includes('/metadata/.ingot-tmp-'),
  },

  metadataFolderNotSynced: {
    name: 'the folder of metadata files is not synced',
    skips: ({ call, path }) => call === 'fsync' && path.endsWith('/metadata'),
  },

  pointerBeforeMetadata: {
    name: 'the pointer is swapped before the metadata is durable',
    wrapIO: io => override(io, { create: io.writeUnsynced }),
    wrapCatalog: (catalog, io) =>
      override(catalog, {
        async commit(changes, options) {
          const result = await catalog.commit(changes, options)
          await io.sync(result.tables.map(table => table.metadataLocation))
          return result
        },
      }),
  },

  lastCommitWins: {
    name: 'the last commit wins, whatever it was made from',
    wrapCatalog: catalog =>
      override(catalog, {
        async commit(changes, options) {
          return catalog.commit(
            await Promise.all(changes.map(change => toUnchecked(catalog, change))),
            options,
          )
        },
      }),
  },

  tablesOneByOne: {
    name: 'the tables of a transaction are committed one by one',
    wrapCatalog: catalog => override(catalog, { commit: commitOneByOne(catalog) }),
  },

  noHorizon: {
    name: 'a writer is not asked when it began',
    wrapCatalog: catalog =>
      override(catalog, {
        commit: (changes, options) => catalog.commit(changes.map(withoutBeginning), options),
      }),
  },

  progressExpires: {
    name: 'progress goes with the snapshot that stated it',
    wrapCatalog: catalog =>
      override(catalog, {
        commit: (changes, options) => catalog.commit(changes.map(withoutInheritedProgress), options),
      }),
  },

  familyIgnored: {
    name: 'files of a table go though a clone names them',
    wrapCatalog: catalog =>
      override(catalog, {
        loadTable: async identifier => withoutFamily(await catalog.loadTable(identifier)),
      }),
  },

  filesRemovedWhileUnknown: {
    name: 'the files of a commit are removed when its answer is lost',
    wrapCatalog: (catalog, io) =>
      override(catalog, {
        async commit(changes, options) {
          try {
            return await catalog.commit(changes, options)
          } catch (error) {
            if (isIngotError(error, 'COMMIT_STATE_UNKNOWN')) await removeManifestLists(io, changes)
            throw error
          }
        },
      }),
  },
} as const satisfies Readonly<Record<string, Variant>>

function commitOneByOne(catalog: Catalog): Catalog['commit'] {
  return async (changes, options) => {
    const tables = []
    let transactionId = 0
    for (const change of changes) {
      const idempotencyKey = `${options.idempotencyKey}/${change.identifier.name}`
      const result = await catalog.commit([change], { ...options, idempotencyKey })
      tables.push(...result.tables)
      transactionId = result.transactionId
    }
    return { transactionId, tables }
  }
}

/** Without requirements, and with the sequence numbers that the table expects now: a guard of its own otherwise. */
async function toUnchecked(catalog: Catalog, change: TableChange): Promise<TableChange> {
  const { metadata } = await catalog.loadTable(change.identifier)
  let sequenceNumber = metadata['last-sequence-number']
  const updates = change.updates.map((update): Update => {
    if (update.action !== 'add-snapshot') return update
    sequenceNumber += 1
    return { ...update, snapshot: { ...update.snapshot, 'sequence-number': sequenceNumber } }
  })
  return { ...change, requirements: [], updates }
}

function withoutBeginning(change: TableChange): TableChange {
  const updates = change.updates.map((update): Update => {
    if (update.action !== 'add-snapshot') return update
    const { [BEGAN_AT]: _began, ...summary } = update.snapshot.summary
    return { ...update, snapshot: { ...update.snapshot, summary } }
  })
  return { ...change, updates }
}

function withoutInheritedProgress(change: TableChange): TableChange {
  const updates = change.updates.filter(
    update =>
      update.action !== 'set-properties' ||
      !Object.keys(update.updates).some(key => snapshotOfInheritedProgress(key) !== undefined),
  )
  return { ...change, updates }
}

function withoutFamily(table: LoadedTable): LoadedTable {
  return { ...table, metadata: { ...table.metadata, properties: {} } }
}

function removeManifestLists(io: MemoryFileIO, changes: readonly TableChange[]): Promise<void> {
  const updates = changes.flatMap(change => change.updates)
  return io.remove(
    updates.flatMap(update => (update.action === 'add-snapshot' ? [update.snapshot['manifest-list']] : [])),
  )
}

/** `target` with some methods exchanged; the others stay bound to it, private fields and all. */
function override<T extends Catalog | CatalogStore | MemoryFileIO>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(name in methods ? methods : target, name)
      return typeof value === 'function' ? value.bind(name in methods ? methods : target) : value
    },
  })
}
