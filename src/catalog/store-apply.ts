import type { Kysely } from 'kysely'
import type { TransactionRecord } from './catalog.ts'
import type { NamespaceChange, PointerChange, StoreOutcome, StoreTransaction } from './store.ts'
import { findKey } from './store-history.ts'
import { fromStoredInteger, type StoreSchema } from './store-schema.ts'

type Database = Kysely<StoreSchema>
type Refusal = Exclude<StoreOutcome, { type: 'applied' }>

/**
 * Does a StoreTransaction inside an open database transaction, which the caller commits when the outcome is `applied`
 * and rolls back otherwise.
 */
export async function applyTransaction(database: Database, request: StoreTransaction): Promise<StoreOutcome> {
  // The write comes first: it makes the transactions of all processes follow one another.
  const { transactionId, committedAtMs } = await takeTurn(database, request)
  const key = await findKey(database, request.idempotencyKey)
  if (key !== undefined) return { type: 'key-spent', record: key }
  const refusal =
    (request.namespaceChange && (await changeNamespace(database, request.namespaceChange))) ??
    (await changePointers(database, request.pointers))
  if (refusal !== undefined) return refusal
  const transaction: TransactionRecord = {
    transactionId,
    committedAtMs,
    idempotencyKey: request.idempotencyKey,
    note: request.note,
    pointers: request.pointers.map(({ identifier, next }) => ({ identifier, metadataLocation: next })),
  }
  const isRecorded = request.pointers.length > 0
  if (isRecorded) await recordTransaction(database, transaction)
  await database
    .insertInto('idempotency_keys')
    .values({
      idempotency_key: request.idempotencyKey,
      request_hash: request.requestHash,
      transaction_id: isRecorded ? transactionId : null,
      created_at_ms: request.nowMs,
    })
    .execute()
  return { type: 'applied', transaction: isRecorded ? transaction : undefined }
}

/** The id and time of this transaction. Times never run backwards, whatever the clocks of the processes do. */
async function takeTurn(
  database: Database,
  request: StoreTransaction,
): Promise<{ transactionId: number; committedAtMs: number }> {
  const step = request.pointers.length > 0 ? 1 : 0
  const last = await database
    .updateTable('last_transaction')
    .set(({ ref, val, eb }) => ({
      transaction_id: eb('transaction_id', '+', step),
      committed_at_ms: eb
        .case()
        .when('committed_at_ms', '>', request.nowMs)
        .then(ref('committed_at_ms'))
        .else(val(request.nowMs))
        .end(),
    }))
    .where('only_row', '=', 1)
    .returningAll()
    .executeTakeFirstOrThrow()
  return {
    transactionId: fromStoredInteger(last.transaction_id),
    committedAtMs: fromStoredInteger(last.committed_at_ms),
  }
}

async function recordTransaction(database: Database, transaction: TransactionRecord): Promise<void> {
  await database
    .insertInto('transactions')
    .values({
      transaction_id: transaction.transactionId,
      committed_at_ms: transaction.committedAtMs,
      idempotency_key: transaction.idempotencyKey ?? '',
      note: transaction.note === undefined ? null : JSON.stringify(transaction.note),
    })
    .execute()
  for (const [position, { identifier, metadataLocation }] of transaction.pointers.entries()) {
    await database
      .insertInto('transaction_pointers')
      .values({
        transaction_id: transaction.transactionId,
        position,
        namespace: JSON.stringify(identifier.namespace),
        name: identifier.name,
        metadata_location: metadataLocation,
      })
      .execute()
  }
}

async function changePointers(
  database: Database,
  changes: readonly PointerChange[],
): Promise<Refusal | undefined> {
  for (const change of changes) {
    const { namespace } = change.identifier
    if (change.expected === null && !(await hasNamespace(database, namespace))) {
      return { type: 'namespace-missing', namespace }
    }
    if (!(await swapPointer(database, change))) {
      return { type: 'pointer-moved', identifier: change.identifier }
    }
  }
  return undefined
}

/** Compare-and-set: whether the pointer was where the change expects it. */
async function swapPointer(database: Database, change: PointerChange): Promise<boolean> {
  const namespace = JSON.stringify(change.identifier.namespace)
  const { name } = change.identifier
  if (change.expected === null) {
    if (change.next === null) return false
    const inserted = await database
      .insertInto('pointers')
      .values({ namespace, name, metadata_location: change.next })
      .onConflict(conflict => conflict.columns(['namespace', 'name']).doNothing())
      .returning('name')
      .executeTakeFirst()
    return inserted !== undefined
  }
  const row =
    change.next === null
      ? await database
          .deleteFrom('pointers')
          .where('namespace', '=', namespace)
          .where('name', '=', name)
          .where('metadata_location', '=', change.expected)
          .returning('name')
          .executeTakeFirst()
      : await database
          .updateTable('pointers')
          .set({ metadata_location: change.next })
          .where('namespace', '=', namespace)
          .where('name', '=', name)
          .where('metadata_location', '=', change.expected)
          .returning('name')
          .executeTakeFirst()
  return row !== undefined
}

async function changeNamespace(database: Database, change: NamespaceChange): Promise<Refusal | undefined> {
  const { namespace } = change
  const exists = await hasNamespace(database, namespace)
  if (change.type === 'create') {
    if (exists) return { type: 'namespace-exists', namespace }
    await createNamespaces(database, namespace, change.properties)
    return undefined
  }
  if (!exists) return { type: 'namespace-missing', namespace }
  if (change.type === 'update') return updateProperties(database, change)
  return dropNamespace(database, namespace)
}

/** The namespace and those around it that are missing. */
async function createNamespaces(
  database: Database,
  namespace: readonly string[],
  properties: Readonly<Record<string, string>>,
): Promise<void> {
  const rows = namespace.map((_, index) => ({
    namespace: JSON.stringify(namespace.slice(0, index + 1)),
    parent: JSON.stringify(namespace.slice(0, index)),
    properties: JSON.stringify(index === namespace.length - 1 ? properties : {}),
  }))
  await database
    .insertInto('namespaces')
    .values(rows)
    .onConflict(conflict => conflict.column('namespace').doNothing())
    .execute()
}

async function updateProperties(
  database: Database,
  change: Extract<NamespaceChange, { type: 'update' }>,
): Promise<undefined> {
  const key = JSON.stringify(change.namespace)
  const row = await database
    .selectFrom('namespaces')
    .select('properties')
    .where('namespace', '=', key)
    .executeTakeFirstOrThrow()
  const removals = new Set(change.removals)
  const kept = Object.entries(JSON.parse(row.properties)).filter(([name]) => !removals.has(name))
  const properties = JSON.stringify(Object.fromEntries([...kept, ...Object.entries(change.updates ?? {})]))
  await database.updateTable('namespaces').set({ properties }).where('namespace', '=', key).execute()
}

async function dropNamespace(database: Database, namespace: readonly string[]): Promise<Refusal | undefined> {
  const key = JSON.stringify(namespace)
  const inner = await database
    .selectFrom('namespaces')
    .select('namespace')
    .where('parent', '=', key)
    .limit(1)
    .executeTakeFirst()
  const table = await database
    .selectFrom('pointers')
    .select('name')
    .where('namespace', '=', key)
    .limit(1)
    .executeTakeFirst()
  if (inner !== undefined || table !== undefined) return { type: 'namespace-not-empty', namespace }
  await database.deleteFrom('namespaces').where('namespace', '=', key).execute()
  return undefined
}

async function hasNamespace(database: Database, namespace: readonly string[]): Promise<boolean> {
  const row = await database
    .selectFrom('namespaces')
    .select('namespace')
    .where('namespace', '=', JSON.stringify(namespace))
    .executeTakeFirst()
  return row !== undefined
}
