import type { Kysely } from 'kysely'
import { IngotError } from '../errors.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { PointInHistory, TransactionQuery, TransactionRecord } from './catalog.ts'
import type { CatalogStore, KeyRecord, NamespaceRecord, StoreOutcome, StoreTransaction } from './store.ts'
import { applyTransaction } from './store-apply.ts'
import { findKey, withPointers } from './store-history.ts'
import type { StoreSchema } from './store-schema.ts'

/** How many transactions a history answers with when nobody says. */
const TRANSACTIONS_DEFAULT = 100

/**
 * A CatalogStore on any SQL database that kysely speaks, by statements that all of them share: compare-and-set and
 * RETURNING, no row locks. The database's schema must be there already (`migrateStore`).
 */
export class KyselyStore implements CatalogStore {
  readonly #database: Kysely<StoreSchema>

  constructor(database: Kysely<StoreSchema>) {
    this.#database = database
  }

  namespaces(): Promise<readonly NamespaceRecord[]> {
    return available(async () => {
      const rows = await this.#database.selectFrom('namespaces').selectAll().execute()
      return rows.map(toNamespaceRecord)
    })
  }

  namespace(namespace: readonly string[]): Promise<NamespaceRecord | undefined> {
    return available(async () => {
      const row = await this.#database
        .selectFrom('namespaces')
        .selectAll()
        .where('namespace', '=', JSON.stringify(namespace))
        .executeTakeFirst()
      return row && toNamespaceRecord(row)
    })
  }

  tables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return available(async () => {
      const rows = await this.#database
        .selectFrom('pointers')
        .select('name')
        .where('namespace', '=', JSON.stringify(namespace))
        .execute()
      return rows.map(row => ({ namespace, name: row.name }))
    })
  }

  pointer(identifier: TableIdentifier): Promise<string | undefined> {
    return available(async () => {
      const row = await this.#database
        .selectFrom('pointers')
        .select('metadata_location')
        .where('namespace', '=', JSON.stringify(identifier.namespace))
        .where('name', '=', identifier.name)
        .executeTakeFirst()
      return row?.metadata_location
    })
  }

  pointerAt(identifier: TableIdentifier, point: PointInHistory): Promise<string | undefined> {
    return available(async () => {
      const history = this.#database
        .selectFrom('transaction_pointers')
        .innerJoin('transactions', 'transactions.transaction_id', 'transaction_pointers.transaction_id')
        .select('metadata_location')
        .where('namespace', '=', JSON.stringify(identifier.namespace))
        .where('name', '=', identifier.name)
        .orderBy('transaction_pointers.transaction_id', 'desc')
        .orderBy('position', 'desc')
        .limit(1)
      const row = await ('transactionId' in point
        ? history.where('transaction_pointers.transaction_id', '<=', point.transactionId)
        : history.where('committed_at_ms', '<=', point.timeMs)
      ).executeTakeFirst()
      return row?.metadata_location ?? undefined
    })
  }

  transactions(query: TransactionQuery): Promise<readonly TransactionRecord[]> {
    return available(async () => {
      const { table, limit = TRANSACTIONS_DEFAULT } = query
      let select = this.#database
        .selectFrom('transactions')
        .selectAll()
        .orderBy('transaction_id', 'desc')
        .limit(limit)
      if (table !== undefined) {
        select = select.where('transaction_id', 'in', touching =>
          touching
            .selectFrom('transaction_pointers')
            .select('transaction_id')
            .where('namespace', '=', JSON.stringify(table.namespace))
            .where('name', '=', table.name),
        )
      }
      return withPointers(this.#database, await select.execute())
    })
  }

  findKey(idempotencyKey: string): Promise<KeyRecord | undefined> {
    return available(() => findKey(this.#database, idempotencyKey))
  }

  giveUpKey(idempotencyKey: string, nowMs: number): Promise<KeyRecord> {
    return available(async () => {
      await this.#database
        .insertInto('idempotency_keys')
        .values({
          idempotency_key: idempotencyKey,
          request_hash: null,
          transaction_id: null,
          created_at_ms: nowMs,
        })
        .onConflict(conflict => conflict.column('idempotency_key').doNothing())
        .execute()
      return (await findKey(this.#database, idempotencyKey)) ?? { type: 'given-up' }
    })
  }

  async apply(request: StoreTransaction): Promise<StoreOutcome> {
    const transaction = await available(() => this.#database.startTransaction().execute())
    let outcome: StoreOutcome
    try {
      outcome = await applyTransaction(transaction, request)
    } catch (cause) {
      await available(() => transaction.rollback().execute())
      throw unavailable(cause)
    }
    if (outcome.type !== 'applied') {
      await available(() => transaction.rollback().execute())
      return outcome
    }
    try {
      await transaction.commit().execute()
    } catch (cause) {
      // Whatever comes of the rollback, it cannot say whether the commit had reached the disk.
      await transaction
        .rollback()
        .execute()
        .catch(() => undefined)
      throw new IngotError(
        'COMMIT_STATE_UNKNOWN',
        `the catalog store failed while it committed: ${reason(cause)}`,
        {
          cause,
          hint: 'ask findCommit with the same idempotency key before anything else; delete nothing',
          context: { idempotencyKey: request.idempotencyKey },
        },
      )
    }
    return outcome
  }

  async close(): Promise<void> {
    await this.#database.destroy()
  }
}

function toNamespaceRecord(row: StoreSchema['namespaces']): NamespaceRecord {
  return { namespace: JSON.parse(row.namespace), properties: JSON.parse(row.properties) }
}

async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw unavailable(cause)
  }
}

function unavailable(cause: unknown): IngotError {
  if (cause instanceof IngotError) return cause
  return new IngotError('CATALOG_UNAVAILABLE', `the catalog store failed: ${reason(cause)}`, {
    cause,
    retryable: true,
    hint: 'look at the database of the catalog: its disk, its permissions, its other users',
  })
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
