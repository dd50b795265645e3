import type { Requirement, TableMetadata, Update } from '../format/metadata-types.ts'
import type { PartitionSpec, Schema, SortOrder } from '../format/types.ts'
import type { ViewMetadata, ViewRequirement, ViewUpdate, ViewVersion } from '../format/view-types.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** A table as the catalog names it now: the metadata file that is current, and what is in it. */
export interface LoadedTable {
  readonly identifier: TableIdentifier
  readonly metadataLocation: string
  readonly metadata: TableMetadata
}

export interface CreateTableRequest {
  readonly identifier: TableIdentifier
  /** Field ids are assigned anew by the catalog, breadth first. */
  readonly schema: Schema
  readonly partitionSpec?: PartitionSpec
  readonly sortOrder?: SortOrder
  readonly properties?: Readonly<Record<string, string>>
  /** @default 2 */
  readonly formatVersion?: 2 | 3
  /** Must lie inside the catalog's root. @default a folder of its own that the catalog names */
  readonly location?: string
}

/** For a change that is not a commit: made again under the same key, it answers as the first did and applies nothing. */
export interface MutationOptions {
  /** @default a key of its own */
  readonly idempotencyKey?: string
}

/** For the drop of a table. */
export interface DropOptions extends MutationOptions {
  /**
   * Whether the files may go (REST spec, "dropTable"). They stay while the catalog's history can reach them; the wish is
   * kept in the note of the transaction, where maintenance finds it. @default false
   */
  readonly purgeRequested?: boolean
}

/** Properties to set and keys to remove, at once; no key is in both. */
export interface NamespaceUpdate {
  readonly updates?: Readonly<Record<string, string>>
  readonly removals?: readonly string[]
}

/** The keys that a NamespaceUpdate set, removed, and was to remove but did not find. */
export interface NamespaceUpdateResult {
  readonly updated: readonly string[]
  readonly removed: readonly string[]
  readonly missing: readonly string[]
}

/** Metadata that is there already, to be had under a name. */
export interface RegisterRequest {
  readonly identifier: TableIdentifier
  /** Of a file inside the catalog's root. */
  readonly metadataLocation: string
}

export interface RegisterTableRequest extends RegisterRequest {
  /** Whether a table of that name becomes this one. @default false: it is an error */
  readonly overwrite?: boolean
}

/** A view as the catalog names it now. */
export interface LoadedView {
  readonly identifier: TableIdentifier
  readonly metadataLocation: string
  readonly metadata: ViewMetadata
}

export interface CreateViewRequest {
  readonly identifier: TableIdentifier
  /** That of the first version, which needs no schema id of its own. */
  readonly schema: Schema
  readonly viewVersion: ViewVersion
  readonly properties?: Readonly<Record<string, string>>
  /** Must lie inside the catalog's root. @default a folder of its own that the catalog names */
  readonly location?: string
}

/** What becomes of a view (REST spec, CommitViewRequest). */
export interface ViewChange {
  readonly identifier: TableIdentifier
  readonly requirements: readonly ViewRequirement[]
  readonly updates: readonly ViewUpdate[]
}

/** What a table that a commit creates begins as, in the place of updates that build it. */
export type TableOrigin =
  /**
   * As another table that the same commit names without updates: what it requires of that one is what the clone is of. Both name the same files
   * from then on, which the property `ingot.clone-family` says of both.
   */
  | {
      readonly type: 'clone'
      readonly of: TableIdentifier
      /** Main of the clone; null: it has none. @default all branches, tags and snapshots are those of the original */
      readonly snapshotId?: bigint | null
    }
  /** As this name was left by a transaction of the past, by a table that was dropped since and is nowhere now. */
  | { readonly type: 'version'; readonly of: TableIdentifier; readonly transactionId: number }

/** What one commit does to one table. A table is created by `assert-create` and the updates that build it, or its origin. */
export interface TableChange {
  readonly identifier: TableIdentifier
  readonly requirements: readonly Requirement[]
  readonly updates: readonly Update[]
  /** Removes the table's pointer; there are no updates then, and the files stay. @default false */
  readonly isDrop?: boolean
  /** For a table that is created, without updates. @default the updates build it */
  readonly origin?: TableOrigin
}

/** One of several requests that a single commit answers. */
export interface CommitMember {
  readonly idempotencyKey: string
  /** Equal for equal requests: a key may come again only with the hash it was used with. */
  readonly requestHash: string
  /** Who made the request, for the audit log. */
  readonly principal?: string
}

export interface CommitOptions {
  /** A second commit under the same key answers as the first did, and applies nothing. */
  readonly idempotencyKey: string
  /** Kept with the transaction for those who read the history (a run's counts, who, why). JSON values, at most 64 KiB. */
  readonly note?: Readonly<Record<string, unknown>>
  /** The requests of others that this commit grants together: each is found under its own key, too. @default none */
  readonly members?: readonly CommitMember[]
}

export interface CommitResult {
  /** Grows by one with every transaction of this catalog; a transaction is the unit in which readers see changes. */
  readonly transactionId: number
  /** In the order of the changes; dropped tables are left out, and, where it is asked for later, versions that are forgotten. */
  readonly tables: readonly LoadedTable[]
}

export interface TransactionRecord {
  readonly transactionId: number
  readonly committedAtMs: number
  readonly idempotencyKey: string | undefined
  readonly note: Readonly<Record<string, unknown>> | undefined
  /** The pointers that it set; a null location: the table or view was dropped. */
  readonly pointers: readonly {
    readonly identifier: TableIdentifier
    readonly metadataLocation: string | null
    /** Absent: a table. */
    readonly kind?: 'view'
  }[]
}

export interface TransactionQuery {
  /** Only transactions that touched this table. */
  readonly table?: TableIdentifier
  /** Only transactions before the one with this id. @default all */
  readonly before?: number
  /** @default TRANSACTIONS_DEFAULT */
  readonly limit?: number
}

/** How many transactions are listed when nobody says. */
export const TRANSACTIONS_DEFAULT = 100

/** One place of a table in the history: that a transaction gave it a version, or dropped it. */
export interface TableVersion {
  readonly identifier: TableIdentifier
  readonly transactionId: number
  readonly committedAtMs: number
  /** Null: the table was dropped. */
  readonly metadataLocation: string | null
  /** Whether the version can no longer be loaded, so that its files may go. */
  readonly isForgotten: boolean
  /** Whether the drop asked for the files to go (REST spec, `purgeRequested`). */
  readonly purgeRequested: boolean
  /** Whether it was no drop, but gave the table up to another catalog, with its files (`unregisterTable`). */
  readonly isUnregistered: boolean
}

/** Versions of one table, by the transactions that set them. */
export interface VersionsOfTable {
  readonly identifier: TableIdentifier
  readonly transactionIds: readonly number[]
}

/** What a name of the catalog stands for; tables and views share one space of names. */
export type PointerKind = 'table' | 'view'

/** All pointers of the lake as one transaction left them. */
export type PointInHistory = { readonly transactionId: number } | { readonly timeMs: number }

/**
 * Where tables and views are found and commits are decided: one pointer a table, swapped for many tables at once.
 * Implemented in process (LocalCatalog over a store) and over HTTP (RestCatalog); conformance: test/conformance/catalog.ts.
 */
export interface Catalog {
  /** Every namespace, nested ones included, sorted. */
  listNamespaces(): Promise<readonly (readonly string[])[]>
  /** Creates the outer namespaces that are missing, too. @throws NAMESPACE_EXISTS */
  createNamespace(
    namespace: readonly string[],
    properties?: Readonly<Record<string, string>>,
    options?: MutationOptions,
  ): Promise<void>
  /** @throws NAMESPACE_NOT_FOUND */
  namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>>
  /** What comes again under its key is answered with all its removals as removed. @throws NAMESPACE_NOT_FOUND, REQUEST_CONTRADICTORY */
  updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
    options?: MutationOptions,
  ): Promise<NamespaceUpdateResult>
  /** @throws NAMESPACE_NOT_FOUND, NAMESPACE_NOT_EMPTY */
  dropNamespace(namespace: readonly string[], options?: MutationOptions): Promise<void>
  /** The tables directly in it, sorted by name. @throws NAMESPACE_NOT_FOUND */
  listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]>
  /** Creates an empty table and commits it. @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS */
  createTable(request: CreateTableRequest, options?: MutationOptions): Promise<LoadedTable>
  /**
   * Assigns uuid, location and field ids for a table that a later commit creates; nothing is stored but its folders.
   * @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS
   */
  stageTable(request: CreateTableRequest): Promise<TableMetadata>
  /** @throws TABLE_NOT_FOUND */
  loadTable(identifier: TableIdentifier): Promise<LoadedTable>
  /**
   * The table as it was at a point in the catalog's history.
   * @throws TABLE_NOT_FOUND when it was not there then; HISTORY_FORGOTTEN when that is no longer kept
   */
  loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable>
  /** Removes the pointer; the files stay (expiry removes them). @throws TABLE_NOT_FOUND */
  dropTable(identifier: TableIdentifier, options?: DropOptions): Promise<void>
  /**
   * Gives a table up: it is no longer there, its files are left for good, and whoever registers the metadata file that is answered has
   * it. No commit comes after that file.
   * @throws TABLE_NOT_FOUND; HISTORY_FORGOTTEN when it comes again and that file is no longer known
   */
  unregisterTable(identifier: TableIdentifier, options?: MutationOptions): Promise<LoadedTable>
  /** @throws TABLE_NOT_FOUND, TABLE_EXISTS, NAMESPACE_NOT_FOUND */
  renameTable(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void>
  /**
   * A table whose metadata was written by somebody else, or by this catalog before it was dropped. What it says is
   * checked; nothing is copied.
   * @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS; REQUEST_INVALID when the file is none that can be accepted
   */
  registerTable(request: RegisterTableRequest, options?: MutationOptions): Promise<LoadedTable>
  /** The views directly in it, sorted by name. @throws NAMESPACE_NOT_FOUND */
  listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]>
  /** Tables and views share one space of names. @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS */
  createView(request: CreateViewRequest, options?: MutationOptions): Promise<LoadedView>
  /** As registerTable. @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS, REQUEST_INVALID */
  registerView(request: RegisterRequest, options?: MutationOptions): Promise<LoadedView>
  /** @throws VIEW_NOT_FOUND */
  loadView(identifier: TableIdentifier): Promise<LoadedView>
  /** Checks the requirements, then applies the updates. @throws VIEW_NOT_FOUND, COMMIT_CONFLICT */
  replaceView(change: ViewChange, options?: MutationOptions): Promise<LoadedView>
  /** Removes the pointer; the files stay. @throws VIEW_NOT_FOUND */
  dropView(identifier: TableIdentifier, options?: MutationOptions): Promise<void>
  /** @throws VIEW_NOT_FOUND, TABLE_EXISTS, NAMESPACE_NOT_FOUND */
  renameView(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void>
  /**
   * Checks every requirement of every change, then applies all of them or none.
   * @throws COMMIT_CONFLICT only when certainly nothing was applied (context.identifier: whose requirement failed;
   *   context.idempotencyKey: the key was given up, so that no commit under it can succeed any more);
   *   TABLE_NOT_FOUND when a table is not there and no `assert-create` says so; NAMESPACE_NOT_FOUND for a table to create;
   *   TABLE_EXISTS for the name of a view, and for a version of a table that is there under another name; HISTORY_FORGOTTEN and SNAPSHOT_NOT_FOUND
   *   for an origin that is no longer kept; COMMIT_STATE_UNKNOWN when the answer was lost: ask findCommit, delete nothing;
   *   IDEMPOTENCY_MISMATCH when the key was used for other changes.
   */
  commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult>
  /**
   * What a commit under this key did, or undefined when no such commit was applied. The answer is final: undefined also
   * gives the key up, so that a commit which is still on its way fails with COMMIT_CONFLICT. Try again under a new key.
   */
  findCommit(idempotencyKey: string): Promise<CommitResult | undefined>
  /**
   * What the commit that granted this request did; undefined when its key was never used.
   * @throws IDEMPOTENCY_MISMATCH when the key was another request's; COMMIT_CONFLICT when it was given up
   */
  findMember(member: CommitMember): Promise<CommitResult | undefined>
  /** Newest first. Versions that are forgotten are not among the pointers. */
  transactions(query?: TransactionQuery): Promise<readonly TransactionRecord[]>
  /**
   * The versions of all tables, dropped ones included, in the order of their transactions; of neighbouring versions of
   * a table that are forgotten the first alone, and none whose files are removed.
   */
  tableVersions(): Promise<readonly TableVersion[]>
  /**
   * Makes versions impossible to load, for their files to go after it; with `removed` says that they are gone. The current version
   * of a table is left as it is, whatever is asked. Durable when it resolves; may be called again.
   */
  forgetVersions(
    versions: readonly VersionsOfTable[],
    options?: { readonly removed?: boolean },
  ): Promise<void>
  close(): Promise<void>
}
