import assert from 'node:assert/strict'
import type { Kysely, Selectable } from 'kysely'
import type { TransactionRecord } from './catalog.ts'
import type { KeyRecord } from './store.ts'
import { fromStoredInteger, type StoreSchema, VERSION_STATE } from './store-schema.ts'

type TransactionPointer = TransactionRecord['pointers'][number]

/** What is recorded of a key, seen from inside or outside a transaction. */
export async function findKey(
  database: Kysely<StoreSchema>,
  idempotencyKey: string,
): Promise<KeyRecord | undefined> {
  const key = await database
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst()
  if (key === undefined) return undefined
  if (key.request_hash === null) return { type: 'given-up' }
  if (key.transaction_id === null)
    return { type: 'used', requestHash: key.request_hash, transaction: undefined }
  const rows = await database
    .selectFrom('transactions')
    .selectAll()
    .where('transaction_id', '=', key.transaction_id)
    .execute()
  const [transaction] = await withPointers(database, rows)
  return { type: 'used', requestHash: key.request_hash, transaction }
}

/** What is recorded of a key that was found taken: keys are never removed. */
export async function spentKey(database: Kysely<StoreSchema>, idempotencyKey: string): Promise<KeyRecord> {
  const record = await findKey(database, idempotencyKey)
  assert.ok(record !== undefined, `idempotency key ${idempotencyKey} was taken, and is not there`)
  return record
}

/** The transactions of these rows, in their order, with the pointers that each one set. */
export async function withPointers(
  database: Kysely<StoreSchema>,
  rows: readonly Selectable<StoreSchema['transactions']>[],
): Promise<readonly TransactionRecord[]> {
  if (rows.length === 0) return []
  const ids = rows.map(row => row.transaction_id)
  const pointers = await database
    .selectFrom('transaction_pointers')
    .selectAll()
    .where('transaction_id', 'in', ids)
    .where('state', '=', VERSION_STATE.kept)
    .orderBy('position')
    .execute()
  const byTransaction = new Map<number, TransactionPointer[]>()
  for (const pointer of pointers) {
    const id = fromStoredInteger(pointer.transaction_id)
    const identifier = { namespace: JSON.parse(pointer.namespace), name: pointer.name }
    const group = byTransaction.get(id) ?? []
    byTransaction.set(id, group)
    group.push({
      identifier,
      metadataLocation: pointer.metadata_location,
      ...(pointer.kind === 'view' && { kind: 'view' }),
    })
  }
  return rows.map(row => ({
    transactionId: fromStoredInteger(row.transaction_id),
    committedAtMs: fromStoredInteger(row.committed_at_ms),
    idempotencyKey: row.idempotency_key,
    note: row.note === null ? undefined : JSON.parse(row.note),
    pointers: byTransaction.get(fromStoredInteger(row.transaction_id)) ?? [],
  }))
}
