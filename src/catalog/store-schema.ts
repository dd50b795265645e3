import { createHash } from 'node:crypto'
import type { Generated } from 'kysely'
import type { TableIdentifier } from '../table-identifier.ts'
import type { Grant } from './access-store.ts'

/** The store's tables. Only text and integers, so that every SQL database holds them alike; flags would be 0 and 1. */
export interface StoreSchema {
  namespaces: {
    namespace_key: string
    /** Of the namespace around it; at the top, of the namespace without levels. */
    parent_key: string
    /** Levels as a JSON array: unlike a joined text, it is unambiguous when a level contains the separator. */
    namespace: string
    /** A JSON object. */
    properties: string
  }
  pointers: {
    table_key: string
    namespace_key: string
    namespace: string
    name: string
    metadata_location: string
    /** A PointerKind. */
    kind: Generated<string>
  }
  /** One row: the last transaction. Updating it first puts transactions in a row on every database. */
  last_transaction: { only_row: number; transaction_id: StoredInteger; committed_at_ms: StoredInteger }
  transactions: {
    transaction_id: StoredInteger
    committed_at_ms: StoredInteger
    idempotency_key: string
    note: string | null
  }
  transaction_pointers: {
    transaction_id: StoredInteger
    /** The place of the change in its commit, from 0. */
    position: number
    table_key: string
    namespace: string
    name: string
    metadata_location: string | null
    /** One of VERSION_STATE. */
    state: Generated<number>
    /** A PointerKind. */
    kind: Generated<string>
  }
  idempotency_keys: {
    idempotency_key: string
    /** Null: given up. */
    request_hash: string | null
    transaction_id: StoredInteger | null
    created_at_ms: StoredInteger
  }
  credentials: {
    client_id: string
    secret_hash: string
    principal: string
    /** A JSON array. */
    roles: string
    created_at_ms: StoredInteger
    /** Null: never. */
    expires_at_ms: StoredInteger | null
    /** Null: a person made it. */
    issued_from: string | null
  }
  grants: {
    grant_key: string
    role: string
    privilege: string
    /** A Securable as JSON. */
    securable: string
  }
  audit_events: {
    event_id: StoredInteger
    at_ms: StoredInteger
    principal: string | null
    action: string
    /** A JSON object. */
    target: string
    transaction_id: StoredInteger | null
  }
}

/** What became of a version of a table: it can be loaded, can be no longer, and its files are gone too. */
export const VERSION_STATE = { kept: 0, forgotten: 1, removed: 2 } as const

/** Integers beyond 32 bits: SQLite answers a number, PostgreSQL a text. */
type StoredInteger = number | string

/** The one codec of big integers; ids and milliseconds stay far below 2^53. */
export function fromStoredInteger(value: StoredInteger): number {
  return Number(value)
}

/** What a namespace is found by: PostgreSQL indexes no text beyond 2,704 bytes, and names may be longer. */
export function namespaceKey(namespace: readonly string[]): string {
  return digest(namespace)
}

/** What a table is found by; never equal for two tables. */
export function tableKey({ namespace, name }: TableIdentifier): string {
  return digest([namespace, name])
}

/** What a grant is found by; equal if and only if both grant the same on the same to the same role. */
export function grantKey({ role, privilege, on }: Grant): string {
  return digest([role, privilege, on.namespace, on.name ?? null])
}

/** Of the JSON text, which escapes halves of surrogate pairs: as UTF-8, all of them would be the same. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
