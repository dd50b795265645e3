import type { TableMetadata } from '../format/metadata-types.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type {
  Catalog,
  CommitMember,
  CommitOptions,
  CommitResult,
  CreateTableRequest,
  CreateViewRequest,
  DropOptions,
  LoadedTable,
  LoadedView,
  MutationOptions,
  NamespaceUpdate,
  NamespaceUpdateResult,
  PointInHistory,
  RegisterRequest,
  RegisterTableRequest,
  TableChange,
  TableVersion,
  TransactionQuery,
  TransactionRecord,
  VersionsOfTable,
  ViewChange,
} from './catalog.ts'

/** A Catalog that answers as another one does, for those that change a part of what it says. */
export class ForwardingCatalog implements Catalog {
  protected readonly inner: Catalog

  constructor(inner: Catalog) {
    this.inner = inner
  }

  listNamespaces(): Promise<readonly (readonly string[])[]> {
    return this.inner.listNamespaces()
  }

  createNamespace(
    namespace: readonly string[],
    properties?: Readonly<Record<string, string>>,
    options?: MutationOptions,
  ): Promise<void> {
    return this.inner.createNamespace(namespace, properties, options)
  }

  namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>> {
    return this.inner.namespaceProperties(namespace)
  }

  updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
    options?: MutationOptions,
  ): Promise<NamespaceUpdateResult> {
    return this.inner.updateNamespace(namespace, update, options)
  }

  dropNamespace(namespace: readonly string[], options?: MutationOptions): Promise<void> {
    return this.inner.dropNamespace(namespace, options)
  }

  listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.inner.listTables(namespace)
  }

  createTable(request: CreateTableRequest, options?: MutationOptions): Promise<LoadedTable> {
    return this.inner.createTable(request, options)
  }

  stageTable(request: CreateTableRequest): Promise<TableMetadata> {
    return this.inner.stageTable(request)
  }

  loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    return this.inner.loadTable(identifier)
  }

  loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    return this.inner.loadTableAt(identifier, point)
  }

  dropTable(identifier: TableIdentifier, options?: DropOptions): Promise<void> {
    return this.inner.dropTable(identifier, options)
  }

  unregisterTable(identifier: TableIdentifier, options?: MutationOptions): Promise<LoadedTable> {
    return this.inner.unregisterTable(identifier, options)
  }

  renameTable(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void> {
    return this.inner.renameTable(from, to, options)
  }

  registerTable(request: RegisterTableRequest, options?: MutationOptions): Promise<LoadedTable> {
    return this.inner.registerTable(request, options)
  }

  listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    return this.inner.listViews(namespace)
  }

  createView(request: CreateViewRequest, options?: MutationOptions): Promise<LoadedView> {
    return this.inner.createView(request, options)
  }

  registerView(request: RegisterRequest, options?: MutationOptions): Promise<LoadedView> {
    return this.inner.registerView(request, options)
  }

  loadView(identifier: TableIdentifier): Promise<LoadedView> {
    return this.inner.loadView(identifier)
  }

  replaceView(change: ViewChange, options?: MutationOptions): Promise<LoadedView> {
    return this.inner.replaceView(change, options)
  }

  dropView(identifier: TableIdentifier, options?: MutationOptions): Promise<void> {
    return this.inner.dropView(identifier, options)
  }

  renameView(from: TableIdentifier, to: TableIdentifier, options?: MutationOptions): Promise<void> {
    return this.inner.renameView(from, to, options)
  }

  commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    return this.inner.commit(changes, options)
  }

  findCommit(idempotencyKey: string): Promise<CommitResult | undefined> {
    return this.inner.findCommit(idempotencyKey)
  }

  findMember(member: CommitMember): Promise<CommitResult | undefined> {
    return this.inner.findMember(member)
  }

  transactions(query?: TransactionQuery): Promise<readonly TransactionRecord[]> {
    return this.inner.transactions(query)
  }

  tableVersions(): Promise<readonly TableVersion[]> {
    return this.inner.tableVersions()
  }

  forgetVersions(
    versions: readonly VersionsOfTable[],
    options?: { readonly removed?: boolean },
  ): Promise<void> {
    return this.inner.forgetVersions(versions, options)
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}
