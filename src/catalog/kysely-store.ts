import type { Kysely } from 'kysely'
import { IngotError, isIngotError } from '../errors.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { AccessStore } from './access-store.ts'
import {
  type PointerKind,
  type PointInHistory,
  type TableVersion,
  TRANSACTIONS_DEFAULT,
  type TransactionQuery,
  type TransactionRecord,
  type VersionsOfTable,
} from './catalog.ts'
import type { DatabaseStore, StoreDescription } from './database-store.ts'
import { KyselyAccessStore } from './kysely-access-store.ts'
import type { CatalogStore, KeyRecord, NamespaceRecord, StoreOutcome, StoreTransaction } from './store.ts'
import { applyTransaction } from './store-apply.ts'
import { readContents, type StoreContents, writeContents } from './store-contents.ts'
import { available, reasonOf, unavailable } from './store-failures.ts'
import { findKey, spentKey, withPointers } from './store-history.ts'
import { MIGRATIONS_APPLIED } from './store-migrations.ts'
import { historyForgotten } from './store-refusals.ts'
import { namespaceKey, type StoreSchema, tableKey, VERSION_STATE } from './store-schema.ts'
import { checkStoredText, checkStoreTransaction } from './store-texts.ts'
import { forgetVersions, listVersions } from './store-versions.ts'

/** How often a transaction is tried that the database undoes for the sake of others. */
const ATTEMPTS_MAX = 10

/** The database of a KyselyStore, and what its dialect cannot say by itself. */
export interface KyselyStoreOptions {
  /** Its schema must be there already (`migrateStore`). Destroyed with the store. */
  readonly database: Kysely<StoreSchema>
  /** Where that is, as it may be shown. */
  readonly place: string
  /** Asks the database what it is: `PostgreSQL 17.5`. */
  program(database: Kysely<StoreSchema>): Promise<string>
  /** Whether an error says that the database undid the transaction, certainly, and that it may succeed another time. */
  isSerializationFailure(error: unknown): boolean
  /** Whom the audit log names. @default nobody */
  readonly principal?: string
}

/**
 * A store on any SQL database that kysely speaks, by statements that all of them share: compare-and-set and
 * RETURNING.
 */
export class KyselyStore implements DatabaseStore {
  readonly #database: Kysely<StoreSchema>
  readonly #options: KyselyStoreOptions
  readonly access: AccessStore

  constructor(options: KyselyStoreOptions) {
    this.#database = options.database
    this.#options = options
    this.access = new KyselyAccessStore(options.database)
  }

  attributedTo(principal: string): CatalogStore {
    return new KyselyStore({ ...this.#options, principal })
  }

  describe(): Promise<StoreDescription> {
    const { place, program } = this.#options
    return available(async () => ({
      place,
      program: await program(this.#database),
      migrations: MIGRATIONS_APPLIED,
    }))
  }

  contents(): Promise<StoreContents> {
    return available(() =>
      this.#database.transaction().setIsolationLevel('repeatable read').execute(readContents),
    )
  }

  restore(contents: StoreContents): Promise<void> {
    return available(() =>
      this.#database
        .transaction()
        .setIsolationLevel('read committed')
        .execute(transaction => writeContents(transaction, contents)),
    )
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
        .where('namespace_key', '=', namespaceKey(namespace))
        .executeTakeFirst()
      return row && toNamespaceRecord(row)
    })
  }

  tables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.#identifiers(namespace, 'table')
  }

  views(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.#identifiers(namespace, 'view')
  }

  #identifiers(namespace: readonly string[], kind: PointerKind): Promise<readonly TableIdentifier[]> {
    return available(async () => {
      const rows = await this.#database
        .selectFrom('pointers')
        .select('name')
        .where('namespace_key', '=', namespaceKey(namespace))
        .where('kind', '=', kind)
        .execute()
      return rows.map(row => ({ namespace, name: row.name }))
    })
  }

  pointer(identifier: TableIdentifier, kind: PointerKind = 'table'): Promise<string | undefined> {
    return available(async () => {
      const row = await this.#database
        .selectFrom('pointers')
        .select('metadata_location')
        .where('table_key', '=', tableKey(identifier))
        .where('kind', '=', kind)
        .executeTakeFirst()
      return row?.metadata_location
    })
  }

  pointerAt(identifier: TableIdentifier, point: PointInHistory): Promise<string | undefined> {
    return available(async () => {
      const history = this.#database
        .selectFrom('transaction_pointers')
        .innerJoin('transactions', 'transactions.transaction_id', 'transaction_pointers.transaction_id')
        .select(['metadata_location', 'state', 'kind'])
        .where('table_key', '=', tableKey(identifier))
        .orderBy('transaction_pointers.transaction_id', 'desc')
        .orderBy('position', 'desc')
        .limit(1)
      const row = await ('transactionId' in point
        ? history.where('transaction_pointers.transaction_id', '<=', point.transactionId)
        : history.where('committed_at_ms', '<=', point.timeMs)
      ).executeTakeFirst()
      if (row !== undefined && row.state !== VERSION_STATE.kept) throw historyForgotten(identifier)
      return row?.kind === 'table' ? (row.metadata_location ?? undefined) : undefined
    })
  }

  versions(): Promise<readonly TableVersion[]> {
    return available(() => listVersions(this.#database))
  }

  forgetVersions(versions: readonly VersionsOfTable[], isRemoved: boolean): Promise<void> {
    const state = isRemoved ? VERSION_STATE.removed : VERSION_STATE.forgotten
    return available(async () => {
      for (const ofTable of versions) {
        await this.#database
          .transaction()
          .setIsolationLevel('read committed')
          .execute(transaction => forgetVersions(transaction, ofTable, state))
      }
    })
  }

  transactions(query: TransactionQuery): Promise<readonly TransactionRecord[]> {
    return available(async () => {
      const { table, before, limit = TRANSACTIONS_DEFAULT } = query
      let select = this.#database
        .selectFrom('transactions')
        .selectAll()
        .orderBy('transaction_id', 'desc')
        .limit(limit)
      if (before !== undefined) select = select.where('transaction_id', '<', before)
      if (table !== undefined) {
        select = select.where('transaction_id', 'in', touching =>
          touching
            .selectFrom('transaction_pointers')
            .select('transaction_id')
            .where('table_key', '=', tableKey(table)),
        )
      }
      return withPointers(this.#database, await select.execute())
    })
  }

  async findKey(idempotencyKey: string): Promise<KeyRecord | undefined> {
    checkStoredText('idempotency key', idempotencyKey)
    return await available(() => findKey(this.#database, idempotencyKey))
  }

  async giveUpKey(idempotencyKey: string, nowMs: number): Promise<KeyRecord> {
    checkStoredText('idempotency key', idempotencyKey)
    return await available(async () => {
      // Waits for a transaction that has claimed the key and is not decided yet: the answer is final.
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
      return await spentKey(this.#database, idempotencyKey)
    })
  }

  async apply(request: StoreTransaction): Promise<StoreOutcome> {
    checkStoreTransaction(request)
    checkStoreTransaction(request)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#applyOnce(request)
      } catch (error) {
        const isUndone =
          isIngotError(error, 'CATALOG_UNAVAILABLE') && this.#options.isSerializationFailure(error.cause)
        if (!isUndone || attempt === ATTEMPTS_MAX) throw error
      }
    }
  }

  async #applyOnce(request: StoreTransaction): Promise<StoreOutcome> {
    // Each statement must see what was committed before it: `applyTransaction` says why. SQLite always does.
    const transaction = await available(() =>
      this.#database.startTransaction().setIsolationLevel('read committed').execute(),
    )
    // Without an answer to it, the database rolls back by itself when it sees that the connection is gone.
    const rollback = (): Promise<void> =>
      transaction
        .rollback()
        .execute()
        .catch(() => undefined)
    let outcome: StoreOutcome
    try {
      outcome = await applyTransaction(transaction, this.#attribute(request))
    } catch (cause) {
      await rollback()
      throw unavailable(cause)
    }
    if (outcome.type !== 'applied') {
      await rollback()
      return outcome
    }
    try {
      await transaction.commit().execute()
    } catch (cause) {
      await rollback()
      throw this.#options.isSerializationFailure(cause) ? unavailable(cause) : stateUnknown(cause, request)
    }
    return outcome
  }

  #attribute(request: StoreTransaction): StoreTransaction {
    const { principal } = this.#options
    return principal === undefined ? request : { ...request, principal }
  }

  async close(): Promise<void> {
    await this.#database.destroy()
  }
}

function toNamespaceRecord(row: StoreSchema['namespaces']): NamespaceRecord {
  return { namespace: JSON.parse(row.namespace), properties: JSON.parse(row.properties) }
}

/** Whatever came of a rollback, it cannot say whether the commit had reached the disk. */
function stateUnknown(cause: unknown, { idempotencyKey }: StoreTransaction): IngotError {
  return new IngotError(
    'COMMIT_STATE_UNKNOWN',
    `the catalog store failed while it committed: ${reasonOf(cause)}`,
    {
      cause,
      hint: 'ask findCommit with the same idempotency key before anything else; delete nothing',
      context: { idempotencyKey },
    },
  )
}
