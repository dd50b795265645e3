import {
  type Catalog,
  type CommitMember,
  type CommitOptions,
  type CommitResult,
  type CreateTableRequest,
  type CreateViewRequest,
  type DropOptions,
  type LoadedTable,
  type LoadedView,
  type MutationOptions,
  type NamespaceUpdate,
  type NamespaceUpdateResult,
  type PointInHistory,
  type RegisterRequest,
  type RegisterTableRequest,
  type TableChange,
  type TableVersion,
  TRANSACTIONS_DEFAULT,
  type TransactionQuery,
  type TransactionRecord,
  type VersionsOfTable,
  type ViewChange,
} from '../catalog/catalog.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { allows, showsNamespace, showsTable } from './grants.ts'
import {
  EVERYTHING,
  requireCreation,
  requireLocation,
  requireOn,
  requireOnNamespace,
  requirePrivilege,
  requireShown,
  requireSomeWrite,
} from './require-access.ts'
import type { Session } from './session.ts'

/** How many transactions are read at once while those that may be seen are looked for. */
const TRANSACTIONS_PAGE = 1000

/**
 * The catalog as whoever makes the request may see and change it. What they may not read is not there; what they may read
 * and not change is FORBIDDEN. Written out in full: a method that Catalog gains does not pass until its rule is here.
 */
export class GuardedCatalog implements Catalog {
  readonly #session: () => Session

  /** @param session asked with every call: whoever makes the request that is being answered */
  constructor(session: () => Session) {
    this.#session = session
  }

  async listNamespaces(): Promise<readonly (readonly string[])[]> {
    const { catalog, grants } = this.#session()
    return (await catalog.listNamespaces()).filter(namespace => showsNamespace(grants, namespace))
  }

  async createNamespace(
    namespace: readonly string[],
    properties?: Readonly<Record<string, string>>,
    options?: MutationOptions,
  ): Promise<void> {
    const session = this.#session()
    requirePrivilege(session, 'manage', { namespace })
    await session.catalog.createNamespace(namespace, properties, options)
  }

  /** Of a namespace that is only on the way to something granted, nothing but that it is there. */
  async namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const session = this.#session()
    requireShown(session, namespace)
    const properties = await session.catalog.namespaceProperties(namespace)
    return allows(session.grants, 'read', { namespace }) ? properties : {}
  }

  async updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
    options?: MutationOptions,
  ): Promise<NamespaceUpdateResult> {
    const session = this.#session()
    requireOnNamespace(session, 'manage', namespace)
    return await session.catalog.updateNamespace(namespace, update, options)
  }

  async dropNamespace(namespace: readonly string[], options?: MutationOptions): Promise<void> {
    const session = this.#session()
    requireOnNamespace(session, 'manage', namespace)
    await session.catalog.dropNamespace(namespace, options)
  }

  async listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    const session = this.#session()
    requireShown(session, namespace)
    const tables = await session.catalog.listTables(namespace)
    return tables.filter(table => showsTable(session.grants, table))
  }

  async createTable(request: CreateTableRequest, options?: MutationOptions): Promise<LoadedTable> {
    const session = this.#session()
    requireCreation(session, request.identifier, request.location)
    return await session.catalog.createTable(request, options)
  }

  async stageTable(request: CreateTableRequest): Promise<TableMetadata> {
    const session = this.#session()
    requireCreation(session, request.identifier, request.location)
    return await session.catalog.stageTable(request)
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    const session = this.#session()
    requireOn(session, 'read', identifier)
    return await session.catalog.loadTable(identifier)
  }

  async loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    const session = this.#session()
    requireOn(session, 'read', identifier)
    return await session.catalog.loadTableAt(identifier, point)
  }

  async dropTable(identifier: TableIdentifier, options?: DropOptions): Promise<void> {
    const session = this.#session()
    requireOn(session, 'manage', identifier)
    await session.catalog.dropTable(identifier, options)
  }

  async unregisterTable(identifier: TableIdentifier, options?: MutationOptions): Promise<LoadedTable> {
    const session = this.#session()
    requireOn(session, 'manage', identifier)
    return await session.catalog.unregisterTable(identifier, options)
  }

  /** A rename takes from one place and puts into another, with the grants that are there. */
  async renameTable(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void> {
    const session = this.#session()
    requireOn(session, 'manage', from)
    requireCreation(session, to, undefined)
    await session.catalog.renameTable(from, to, options)
  }

  async listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    const session = this.#session()
    requireShown(session, namespace)
    const views = await session.catalog.listViews(namespace)
    return views.filter(view => showsTable(session.grants, view))
  }

  async createView(request: CreateViewRequest, options?: MutationOptions): Promise<LoadedView> {
    const session = this.#session()
    requireCreation(session, request.identifier, request.location)
    return await session.catalog.createView(request, options)
  }

  async loadView(identifier: TableIdentifier): Promise<LoadedView> {
    const session = this.#session()
    requireOn(session, 'read', identifier, 'view')
    return await session.catalog.loadView(identifier)
  }

  async replaceView(change: ViewChange, options?: MutationOptions): Promise<LoadedView> {
    const session = this.#session()
    requireOn(session, 'write', change.identifier, 'view')
    requireLocations(session, change)
    return await session.catalog.replaceView(change, options)
  }

  async dropView(identifier: TableIdentifier, options?: MutationOptions): Promise<void> {
    const session = this.#session()
    requireOn(session, 'manage', identifier, 'view')
    await session.catalog.dropView(identifier, options)
  }

  async renameView(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void> {
    const session = this.#session()
    requireOn(session, 'manage', from, 'view')
    requireCreation(session, to, undefined)
    await session.catalog.renameView(from, to, options)
  }

  /** The file that is registered may be anybody's. */
  async registerTable(request: RegisterTableRequest, options?: MutationOptions): Promise<LoadedTable> {
    const session = this.#session()
    requirePrivilege(session, 'manage', EVERYTHING)
    return await session.catalog.registerTable(request, options)
  }

  async registerView(request: RegisterRequest, options?: MutationOptions): Promise<LoadedView> {
    const session = this.#session()
    requirePrivilege(session, 'manage', EVERYTHING)
    return await session.catalog.registerView(request, options)
  }

  /** All of it must be allowed. */
  async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    const session = this.#session()
    for (const change of changes) requireChange(session, change)
    return onlyReadable(session, await session.catalog.commit(changes, options))
  }

  /** Asking gives the key up, so that it is for those who may commit to something. */
  async findCommit(idempotencyKey: string): Promise<CommitResult | undefined> {
    const session = this.#session()
    requireSomeWrite(session)
    const result = await session.catalog.findCommit(idempotencyKey)
    return result && onlyReadable(session, result)
  }

  async findMember(member: CommitMember): Promise<CommitResult | undefined> {
    const session = this.#session()
    const result = await session.catalog.findMember(member)
    return result && onlyReadable(session, result)
  }

  /** As many as are asked for of those that may be seen, however many others lie between them. */
  async transactions(query: TransactionQuery = {}): Promise<readonly TransactionRecord[]> {
    const session = this.#session()
    const { limit = TRANSACTIONS_DEFAULT } = query
    const seen: TransactionRecord[] = []
    let { before } = query
    while (session.grants.length > 0 && seen.length < limit) {
      const page = { ...query, limit: TRANSACTIONS_PAGE, ...(before !== undefined && { before }) }
      const records = await session.catalog.transactions(page)
      seen.push(...records.flatMap(record => visiblePart(session, record)))
      if (records.length < TRANSACTIONS_PAGE) break
      before = records.at(-1)?.transactionId
    }
    return seen.slice(0, limit)
  }

  /** For maintenance, which would take the files of a table that it does not see for those of nobody. */
  async tableVersions(): Promise<readonly TableVersion[]> {
    const session = this.#session()
    requirePrivilege(session, 'manage', EVERYTHING)
    return await session.catalog.tableVersions()
  }

  async forgetVersions(
    versions: readonly VersionsOfTable[],
    options?: { readonly removed?: boolean },
  ): Promise<void> {
    const session = this.#session()
    requirePrivilege(session, 'manage', EVERYTHING)
    await session.catalog.forgetVersions(versions, options)
  }

  /** Nothing: it has nothing of its own. */
  async close(): Promise<void> {}
}

/** What is only checked in a commit need only be readable. */
function requireChange(session: Session, change: TableChange): void {
  const { identifier, requirements, updates, isDrop = false, origin } = change
  if (origin !== undefined) requireOn(session, origin.type === 'clone' ? 'read' : 'manage', origin.of)
  if (requirements.some(({ type }) => type === 'assert-create')) {
    requireCreation(session, identifier, undefined)
  } else {
    requireOn(session, isDrop ? 'manage' : updates.length > 0 ? 'write' : 'read', identifier)
  }
  requireLocations(session, change)
}

function requireLocations(session: Session, change: TableChange | ViewChange): void {
  for (const update of change.updates) {
    if (update.action === 'set-location') requireLocation(session, change.identifier, update.location)
  }
}

function onlyReadable({ grants }: Session, result: CommitResult): CommitResult {
  return { ...result, tables: result.tables.filter(({ identifier }) => showsTable(grants, identifier)) }
}

/**
 * A note may name every table of its transaction, which no longer lists those whose version is forgotten: it is for those who see all
 * tables.
 */
function visiblePart({ grants }: Session, record: TransactionRecord): readonly TransactionRecord[] {
  const pointers = record.pointers.filter(({ identifier }) => showsTable(grants, identifier))
  if (pointers.length === 0) return []
  if (allows(grants, 'read', EVERYTHING)) return [record]
  return [{ ...record, pointers, note: undefined, idempotencyKey: undefined }]
}
