import type { Kysely } from 'kysely'
import type { TableIdentifier } from '../table-identifier.ts'
import type { CommitMember, PointerKind, TransactionRecord } from './catalog.ts'
import type {
  NamespaceChange,
  PointerChange,
  PointerOrigin,
  StoreOutcome,
  StoreTransaction,
} from './store.ts'
import { auditEntriesOf, recordEvents } from './store-audit.ts'
import { spentKey } from './store-history.ts'
import { fromStoredInteger, namespaceKey, type StoreSchema, tableKey, VERSION_STATE } from './store-schema.ts'

type Database = Kysely<StoreSchema>
type Refusal = Exclude<StoreOutcome, { type: 'applied' }>

/** How many rows one statement inserts: databases limit the parameters of a statement. */
const ROWS_MAX = 500

/**
 * Does a StoreTransaction inside an open database transaction, which the caller commits when the outcome is `applied`
 * and rolls back otherwise.
 *
 * It begins with an update of the one row of `last_transaction`, which the database keeps locked until the transaction
 * has ended. So the transactions of all processes follow one another, on SQLite as on PostgreSQL at READ COMMITTED,
 * where every later statement sees all that the earlier ones committed:
 * - what is read here stays true until the end: a namespace that is empty gets no table before it is dropped;
 * - nobody waits for a second lock while holding one that a predecessor wants, so there is no deadlock, in whatever
 *   order the pointers come;
 * - ids have no gaps and become visible in their order, as the next id is given when the last one is visible: who has
 *   seen transaction n will never see a smaller one appear. A sequence of the database would not promise that.
 */
export async function applyTransaction(database: Database, request: StoreTransaction): Promise<StoreOutcome> {
  const { transactionId, committedAtMs } = await takeTurn(database, request)
  const isRecorded = request.pointers.length > 0
  for (const member of [request, ...(request.members ?? [])]) {
    const key = { ...member, nowMs: request.nowMs, transactionId: isRecorded ? transactionId : null }
    if (await claimKey(database, key)) continue
    const { idempotencyKey } = member
    return { type: 'key-spent', idempotencyKey, record: await spentKey(database, idempotencyKey) }
  }
  const refusal =
    (request.namespaceChange && (await changeNamespace(database, request.namespaceChange))) ??
    (await changePointers(database, request.pointers))
  if (refusal !== undefined) return refusal
  await recordEvents(database, auditEntriesOf(request), {
    atMs: committedAtMs,
    transactionId: isRecorded ? transactionId : undefined,
  })
  if (!isRecorded) return { type: 'applied', transaction: undefined }
  const transaction: TransactionRecord = {
    transactionId,
    committedAtMs,
    idempotencyKey: request.idempotencyKey,
    note: request.note,
    pointers: request.pointers.map(({ identifier, kind, next }) => ({
      identifier,
      metadataLocation: next,
      ...(kind === 'view' && { kind }),
    })),
  }
  await recordTransaction(database, transaction)
  return { type: 'applied', transaction }
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

/**
 * Whether the key was free; it is this transaction's then. Keys are also given up, without a turn: of the two inserts
 * one waits until the other's transaction has ended, then finds the row or its way free.
 */
async function claimKey(
  database: Database,
  key: CommitMember & { readonly nowMs: number; readonly transactionId: number | null },
): Promise<boolean> {
  const inserted = await database
    .insertInto('idempotency_keys')
    .values({
      idempotency_key: key.idempotencyKey,
      request_hash: key.requestHash,
      transaction_id: key.transactionId,
      created_at_ms: key.nowMs,
    })
    .onConflict(conflict => conflict.column('idempotency_key').doNothing())
    .returning('idempotency_key')
    .executeTakeFirst()
  return inserted !== undefined
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
  const rows = transaction.pointers.map(({ identifier, metadataLocation, kind = 'table' }, position) => ({
    transaction_id: transaction.transactionId,
    position,
    table_key: tableKey(identifier),
    namespace: JSON.stringify(identifier.namespace),
    name: identifier.name,
    metadata_location: metadataLocation,
    kind,
  }))
  for (let from = 0; from < rows.length; from += ROWS_MAX) {
    await database
      .insertInto('transaction_pointers')
      .values(rows.slice(from, from + ROWS_MAX))
      .execute()
  }
}

async function changePointers(
  database: Database,
  changes: readonly PointerChange[],
): Promise<Refusal | undefined> {
  for (const change of changes) {
    const { namespace } = change.identifier
    const isCreation = change.expected === null && change.next !== null
    if (isCreation && !(await hasNamespace(database, namespace))) {
      return { type: 'namespace-missing', namespace }
    }
    const refusal = change.origin?.type === 'version' && (await holdVersion(database, change, change.origin))
    if (refusal) return refusal
    if (!(await swapPointer(database, change))) {
      return { type: 'pointer-moved', identifier: change.identifier }
    }
  }
  return undefined
}

/**
 * Sees to it that a version is not forgotten before this transaction has ended: updating its rows locks them, and a later
 * transaction that forgets them finds the pointer.
 */
async function holdVersion(
  database: Database,
  { next }: PointerChange,
  { of, transactionId, folder }: Extract<PointerOrigin, { type: 'version' }>,
): Promise<Refusal | undefined> {
  const held = await database
    .updateTable('transaction_pointers')
    .set({ state: VERSION_STATE.kept })
    .where('table_key', '=', tableKey(of))
    .where('transaction_id', '<=', transactionId)
    .where('metadata_location', '=', next)
    .where('state', '=', VERSION_STATE.kept)
    .returning('transaction_id')
    .execute()
  if (held.length === 0) return { type: 'version-forgotten', identifier: of }
  const start = `${folder}/`
  const current = await database
    .selectFrom('pointers')
    .select(['namespace', 'name'])
    .where(({ eb, fn, val }) =>
      eb(fn<string>('substr', ['metadata_location', val(1), val(start.length)]), '=', start),
    )
    .executeTakeFirst()
  if (current === undefined) return undefined
  const { namespace, name } = current
  return {
    type: 'version-current',
    identifier: of,
    current: { namespace: JSON.parse(namespace), name },
  }
}

/** Compare-and-set: whether the pointer was where the change expects it. */
async function swapPointer(database: Database, change: PointerChange): Promise<boolean> {
  const { identifier, expected, next, kind = 'table' } = change
  const key = tableKey(identifier)
  if (expected === null) {
    return next === null
      ? !(await hasPointer(database, key))
      : await createPointer(database, identifier, kind, next)
  }
  const row =
    next === null
      ? await database
          .deleteFrom('pointers')
          .where('table_key', '=', key)
          .where('metadata_location', '=', expected)
          .where('kind', '=', kind)
          .returning('name')
          .executeTakeFirst()
      : await database
          .updateTable('pointers')
          .set({ metadata_location: next })
          .where('table_key', '=', key)
          .where('metadata_location', '=', expected)
          .where('kind', '=', kind)
          .returning('name')
          .executeTakeFirst()
  return row !== undefined
}

/** Whether the name was free. */
async function createPointer(
  database: Database,
  identifier: TableIdentifier,
  kind: PointerKind,
  metadataLocation: string,
): Promise<boolean> {
  const inserted = await database
    .insertInto('pointers')
    .values({
      table_key: tableKey(identifier),
      namespace_key: namespaceKey(identifier.namespace),
      namespace: JSON.stringify(identifier.namespace),
      name: identifier.name,
      metadata_location: metadataLocation,
      kind,
    })
    .onConflict(conflict => conflict.column('table_key').doNothing())
    .returning('name')
    .executeTakeFirst()
  return inserted !== undefined
}

async function hasPointer(database: Database, key: string): Promise<boolean> {
  const row = await database
    .selectFrom('pointers')
    .select('name')
    .where('table_key', '=', key)
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
    namespace_key: namespaceKey(namespace.slice(0, index + 1)),
    parent_key: namespaceKey(namespace.slice(0, index)),
    namespace: JSON.stringify(namespace.slice(0, index + 1)),
    properties: JSON.stringify(index === namespace.length - 1 ? properties : {}),
  }))
  await database
    .insertInto('namespaces')
    .values(rows)
    .onConflict(conflict => conflict.column('namespace_key').doNothing())
    .execute()
}

async function updateProperties(
  database: Database,
  change: Extract<NamespaceChange, { type: 'update' }>,
): Promise<undefined> {
  const key = namespaceKey(change.namespace)
  const row = await database
    .selectFrom('namespaces')
    .select('properties')
    .where('namespace_key', '=', key)
    .executeTakeFirstOrThrow()
  const removals = new Set(change.removals)
  const kept = Object.entries(JSON.parse(row.properties)).filter(([name]) => !removals.has(name))
  const properties = JSON.stringify(Object.fromEntries([...kept, ...Object.entries(change.updates ?? {})]))
  await database.updateTable('namespaces').set({ properties }).where('namespace_key', '=', key).execute()
}

async function dropNamespace(database: Database, namespace: readonly string[]): Promise<Refusal | undefined> {
  const key = namespaceKey(namespace)
  const inner = await database
    .selectFrom('namespaces')
    .select('namespace')
    .where('parent_key', '=', key)
    .limit(1)
    .executeTakeFirst()
  const table = await database
    .selectFrom('pointers')
    .select('name')
    .where('namespace_key', '=', key)
    .limit(1)
    .executeTakeFirst()
  if (inner !== undefined || table !== undefined) return { type: 'namespace-not-empty', namespace }
  await database.deleteFrom('namespaces').where('namespace_key', '=', key).execute()
  return undefined
}

async function hasNamespace(database: Database, namespace: readonly string[]): Promise<boolean> {
  const row = await database
    .selectFrom('namespaces')
    .select('namespace')
    .where('namespace_key', '=', namespaceKey(namespace))
    .executeTakeFirst()
  return row !== undefined
}
