import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Catalog, LoadedTable, TableChange } from '../../src/catalog/catalog.ts'
import { systemClock } from '../../src/clock.ts'
import { isIngotError } from '../../src/errors.ts'
import { identifierKey, type TableIdentifier } from '../../src/table-identifier.ts'
import { appendTo, tableRequest } from '../conformance/catalog-samples.ts'

/** How often writers met what, over all attempts. */
export interface WriterTally {
  conflicts: number
  unavailable: number
  unknown: number
}

/** Between attempts while the catalog is away. */
const PAUSE_MS = 50

const TABLES: readonly TableIdentifier[] = ['left', 'right'].map(name => ({ namespace: ['counted'], name }))

/** The tables that logical commits append to. */
export async function createCountedTables(catalog: Catalog): Promise<void> {
  await catalog.createNamespace(['counted'])
  for (const identifier of TABLES) await catalog.createTable(tableRequest(identifier))
}

/**
 * Appends once to both tables in one transaction, as a careful client does: what certainly failed is tried again under a
 * new key, what is unknown is asked about. `nextCatalog` says by which catalog each attempt goes, `append` what an append to a table
 * is: by default one that names no file.
 */
export async function commitLogically(
  nextCatalog: () => Catalog,
  logicalId: string,
  tally: WriterTally,
  append: (table: LoadedTable) => TableChange | Promise<TableChange> = appendTo,
): Promise<void> {
  for (;;) {
    const idempotencyKey = randomUUID()
    try {
      const catalog = nextCatalog()
      const tables = await Promise.all(TABLES.map(identifier => catalog.loadTable(identifier)))
      // Writers name the tables in different orders.
      const changes = (await Promise.all(tables.map(append))).toSorted(() =>
        logicalId.length % 2 === 0 ? 1 : -1,
      )
      await catalog.commit(changes, { idempotencyKey, note: { logicalId } })
      return
    } catch (error) {
      if (isIngotError(error, 'COMMIT_STATE_UNKNOWN')) {
        tally.unknown += 1
        if (await isCommitted(nextCatalog, idempotencyKey)) return
      } else await awaitNextAttempt(error, tally)
    }
  }
}

async function isCommitted(nextCatalog: () => Catalog, idempotencyKey: string): Promise<boolean> {
  for (;;) {
    try {
      return (await nextCatalog().findCommit(idempotencyKey)) !== undefined
    } catch (error) {
      await awaitCatalog(error)
    }
  }
}

async function awaitNextAttempt(error: unknown, tally: WriterTally): Promise<void> {
  if (isIngotError(error, 'COMMIT_CONFLICT')) {
    tally.conflicts += 1
    return
  }
  await awaitCatalog(error)
  tally.unavailable += 1
}

/** Pauses when the catalog or its storage is away for now; throws any other error. */
export async function awaitCatalog(error: unknown): Promise<void> {
  const isAway = isIngotError(error, 'CATALOG_UNAVAILABLE') || isIngotError(error, 'STORAGE_FAILED')
  if (!isAway || !error.retryable) throw error
  await systemClock.sleep(PAUSE_MS)
}

/** Every logical commit is in the history once, and nothing else is of their tables; both have all of them. */
export async function checkLogicalCommits(catalog: Catalog, logicalIds: readonly string[]): Promise<void> {
  const records = await catalog.transactions({ limit: 10_000 })
  assert.deepEqual(
    records.map(record => record.transactionId),
    Array.from({ length: records.length }, (_, index) => records.length - index),
  )
  const ofThese = records.filter(({ pointers }) => pointers.some(({ identifier }) => isCounted(identifier)))
  const counted = ofThese.filter(record => record.pointers.length === TABLES.length)
  const found = counted.map(record => String(record.note?.logicalId))
  assert.deepEqual(found.toSorted(), logicalIds.toSorted())
  assert.equal(ofThese.length, counted.length + TABLES.length)
  for (const identifier of TABLES) {
    const { metadata } = await catalog.loadTable(identifier)
    assert.equal(metadata.snapshots.length, logicalIds.length)
    assert.equal(metadata['last-sequence-number'], logicalIds.length)
  }
}

function isCounted(identifier: TableIdentifier): boolean {
  return TABLES.some(table => identifierKey(table) === identifierKey(identifier))
}
