import type { TableIdentifier } from '../table-identifier.ts'
import type {
  CommitMember,
  NamespaceUpdate,
  PointerKind,
  PointInHistory,
  TableVersion,
  TransactionQuery,
  TransactionRecord,
  VersionsOfTable,
} from './catalog.ts'

/** A namespace as the store keeps it. */
export interface NamespaceRecord {
  readonly namespace: readonly string[]
  readonly properties: Readonly<Record<string, string>>
}

/** What became of an idempotency key. */
export type KeyRecord =
  /** `transaction` is undefined for changes that set no pointer. */
  | {
      readonly type: 'used'
      readonly requestHash: string
      readonly transaction: TransactionRecord | undefined
    }
  /** Somebody was told that nothing was applied under it: so it stays. */
  | { readonly type: 'given-up' }

/** Where a pointer that is created comes from. */
export type PointerOrigin =
  | { readonly type: 'clone'; readonly of: TableIdentifier }
  /** `next` is a version of `of`, which must be kept still; no pointer may lie in the folder, as two tables would write to it. */
  | {
      readonly type: 'version'
      readonly of: TableIdentifier
      readonly transactionId: number
      readonly folder: string
    }

/** Sets a pointer to `next` if it is at `expected`; null: the name is free. Equal: it is only checked. */
export interface PointerChange {
  readonly identifier: TableIdentifier
  /** @default table */
  readonly kind?: PointerKind
  readonly expected: string | null
  readonly next: string | null
  /** Of a table that is created. @default it is new */
  readonly origin?: PointerOrigin
}

/** What a transaction does to a namespace; a creation creates those around it that are missing. */
export type NamespaceChange =
  | ({ readonly type: 'create' } & NamespaceRecord)
  | ({ readonly type: 'update'; readonly namespace: readonly string[] } & NamespaceUpdate)
  | { readonly type: 'drop'; readonly namespace: readonly string[] }

/** Everything that is decided and written at one instant. */
export interface StoreTransaction {
  readonly idempotencyKey: string
  /** Equal for equal requests: a key may come again only with the hash it was used with. */
  readonly requestHash: string
  readonly nowMs: number
  /** Further keys that this transaction uses, each as if it had come under it. */
  readonly members?: readonly CommitMember[]
  readonly note?: Readonly<Record<string, unknown>>
  /** Whom the audit log names. @default the principals of the members, or nobody */
  readonly principal?: string
  readonly namespaceChange?: NamespaceChange
  readonly pointers: readonly PointerChange[]
}

/** How a StoreTransaction ended; all but `applied` changed nothing. */
export type StoreOutcome =
  /** `transaction` is undefined when no pointer was named. */
  | { readonly type: 'applied'; readonly transaction: TransactionRecord | undefined }
  /** The key is the transaction's, or a member's. */
  | { readonly type: 'key-spent'; readonly idempotencyKey: string; readonly record: KeyRecord }
  | { readonly type: 'pointer-moved'; readonly identifier: TableIdentifier }
  /** The version that a pointer was to come from can be loaded no longer. */
  | { readonly type: 'version-forgotten'; readonly identifier: TableIdentifier }
  /** The table whose version a pointer was to come from is there, under the name `current`. */
  | {
      readonly type: 'version-current'
      readonly identifier: TableIdentifier
      readonly current: TableIdentifier
    }
  | {
      readonly type: 'namespace-missing' | 'namespace-exists' | 'namespace-not-empty'
      readonly namespace: readonly string[]
    }

/**
 * The catalog's memory: namespaces, one pointer a table or view, the history of pointers, and idempotency keys. `apply` is one
 * database transaction over all of them; several processes may share a store.
 */
export interface CatalogStore {
  /** All of them, nested ones included, in no order. */
  namespaces(): Promise<readonly NamespaceRecord[]>
  namespace(namespace: readonly string[]): Promise<NamespaceRecord | undefined>
  /** The tables directly in a namespace, in no order. */
  tables(namespace: readonly string[]): Promise<readonly TableIdentifier[]>
  /** The views directly in a namespace, in no order. */
  views(namespace: readonly string[]): Promise<readonly TableIdentifier[]>
  /** Where the table is, or with `kind` the view. @default table */
  pointer(identifier: TableIdentifier, kind?: PointerKind): Promise<string | undefined>
  /** Where the table was; views are not looked for. @throws HISTORY_FORGOTTEN */
  pointerAt(identifier: TableIdentifier, point: PointInHistory): Promise<string | undefined>
  /** As Catalog.tableVersions. */
  versions(): Promise<readonly TableVersion[]>
  /** As Catalog.forgetVersions. */
  forgetVersions(versions: readonly VersionsOfTable[], isRemoved: boolean): Promise<void>
  /** Newest first. */
  transactions(query: TransactionQuery): Promise<readonly TransactionRecord[]>
  findKey(idempotencyKey: string): Promise<KeyRecord | undefined>
  /** Marks a key that was never used so that it never will be; answers what it is then. */
  giveUpKey(idempotencyKey: string, nowMs: number): Promise<KeyRecord>
  /**
   * Checks the key, then every pointer and namespace, then writes it all.
   * @throws CATALOG_UNAVAILABLE when certainly nothing was written; COMMIT_STATE_UNKNOWN when the commit itself failed
   */
  apply(transaction: StoreTransaction): Promise<StoreOutcome>
  close(): Promise<void>
}
