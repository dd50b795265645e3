import type { Kysely } from 'kysely'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type { AuditAction, AuditEvent, AuditQuery } from './access-store.ts'
import type { PointerChange, StoreTransaction } from './store.ts'
import { fromStoredInteger, type StoreSchema } from './store-schema.ts'

/** What an event says, before it has its place in the log. */
type AuditEntry = Pick<AuditEvent, 'principal' | 'action' | 'target'>

const EVENTS_DEFAULT = 100

/** How many rows one statement inserts: databases limit the parameters of a statement. */
const ROWS_MAX = 500

/** What a transaction changes, for each of those who asked for it; what it only checks is no change. */
export function auditEntriesOf(request: StoreTransaction): readonly AuditEntry[] {
  const { namespaceChange, pointers } = request
  const changes = [
    ...(namespaceChange === undefined
      ? []
      : [
          {
            action: `${namespaceChange.type}-namespace` as const,
            target: { namespace: namespaceChange.namespace },
          },
        ]),
    ...pointerEntries(pointers),
  ]
  return principalsOf(request).flatMap(principal => changes.map(change => ({ ...change, principal })))
}

/**
 * Writes entries to the log. To be called in a database transaction that has its turn (`last_transaction` is locked), so that
 * the next id is free.
 */
export async function recordEvents(
  database: Kysely<StoreSchema>,
  entries: readonly AuditEntry[],
  { atMs, transactionId }: Pick<AuditEvent, 'atMs' | 'transactionId'>,
): Promise<void> {
  if (entries.length === 0) return
  const { last } = await database
    .selectFrom('audit_events')
    .select(({ fn }) => fn.max('event_id').as('last'))
    .executeTakeFirstOrThrow()
  const rows = entries.map(({ principal, action, target }, index) => ({
    event_id: fromStoredInteger(last ?? 0) + index + 1,
    at_ms: atMs,
    principal: principal ?? null,
    action,
    target: JSON.stringify(target),
    transaction_id: transactionId ?? null,
  }))
  for (let from = 0; from < rows.length; from += ROWS_MAX) {
    await database
      .insertInto('audit_events')
      .values(rows.slice(from, from + ROWS_MAX))
      .execute()
  }
}

/** As AccessStore.auditEvents. */
export async function listEvents(
  database: Kysely<StoreSchema>,
  { principal, limit = EVENTS_DEFAULT }: AuditQuery,
): Promise<readonly AuditEvent[]> {
  let select = database.selectFrom('audit_events').selectAll().orderBy('event_id', 'desc').limit(limit)
  if (principal !== undefined) select = select.where('principal', '=', principal)
  const rows = await select.execute()
  return rows.map(row => ({
    eventId: fromStoredInteger(row.event_id),
    atMs: fromStoredInteger(row.at_ms),
    principal: row.principal ?? undefined,
    action: row.action as AuditAction,
    target: JSON.parse(row.target),
    transactionId: row.transaction_id === null ? undefined : fromStoredInteger(row.transaction_id),
  }))
}

function principalsOf({ principal, members = [] }: StoreTransaction): readonly (string | undefined)[] {
  if (principal !== undefined || members.length === 0) return [principal]
  return [...new Set(members.map(member => member.principal))]
}

function pointerEntries(pointers: readonly PointerChange[]): readonly Omit<AuditEntry, 'principal'>[] {
  const changed = pointers.filter(({ expected, next }) => expected !== next)
  const renamed = new Map(
    changed.filter(isCreated).flatMap(to => {
      const from = changed.find(({ expected, next }) => next === null && expected === to.next)
      return from === undefined ? [] : [[identifierKey(from.identifier), to] as const]
    }),
  )
  const isNewName = new Set(renamed.values())
  return changed.flatMap((change): Omit<AuditEntry, 'principal'>[] => {
    if (isNewName.has(change)) return []
    const { kind = 'table', identifier, origin } = change
    const to = change.next === null ? renamed.get(identifierKey(identifier))?.identifier : undefined
    const { namespace, name } = identifier
    const target = {
      namespace,
      name,
      ...(to && { to: named(to) }),
      ...(origin && { of: named(origin.of) }),
    }
    if (origin !== undefined)
      return [{ action: origin.type === 'clone' ? 'clone-table' : 'undrop-table', target }]
    return [{ action: `${to === undefined ? verbOf(change) : 'rename'}-${kind}`, target }]
  })
}

function named({ namespace, name }: TableIdentifier): TableIdentifier {
  return { namespace, name }
}

function isCreated({ expected, next }: PointerChange): boolean {
  return expected === null && next !== null
}

function verbOf(change: PointerChange): 'create' | 'drop' | 'commit' {
  if (isCreated(change)) return 'create'
  return change.next === null ? 'drop' : 'commit'
}
