import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { parseTableMetadata } from '../format/table-metadata.ts'
import { parseViewMetadata } from '../format/view-metadata.ts'
import type { ViewMetadata } from '../format/view-types.ts'
import { stringifyJson } from '../json.ts'
import { type Random, randomUuid } from '../random.ts'
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
  TableOrigin,
  TableVersion,
  TransactionQuery,
  TransactionRecord,
  VersionsOfTable,
  ViewChange,
} from './catalog.ts'
import { checkIdentifier } from './identifier-rules.ts'
import { decode, stateUnknown } from './rest-answers.ts'
import { RestClient, type RestRequest } from './rest-client.ts'
import { LEVEL_SEPARATOR, namespacePath, tablePath, viewPath } from './rest-paths.ts'

/** Where the catalog server is, and how patient its client. */
export interface RestCatalogOptions {
  /** Of the server, without a path: `http://127.0.0.1:8181`. */
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  /** @default the global one */
  readonly fetch?: typeof globalThis.fetch
  /** How often a request is sent while its answer is lost. @default 6 */
  readonly attemptsMax?: number
  /** How long one answer may take. @default 60_000 */
  readonly timeoutMs?: number
  /** A bearer token. @default none: the server asks for none */
  readonly token?: string
}

/** The Catalog of another process, over its REST server (`createIcebergRest`). */
export function createRestCatalog(options: RestCatalogOptions): Catalog {
  return new RestCatalog(options)
}

const identifierJson = z.object({ namespace: z.array(z.string()), name: z.string() })
const tableJson = z.object({
  'metadata-location': z.string(),
  metadata: z.unknown().transform(toMetadata),
})
const viewJson = z.object({
  'metadata-location': z.string(),
  metadata: z.unknown().transform(toViewMetadata),
})
const stagedTableJson = tableJson.pick({ metadata: true })
const commitJson = z
  .object({ 'transaction-id': z.int(), tables: z.array(tableJson.extend({ identifier: identifierJson })) })
  .transform(
    (body): CommitResult => ({
      transactionId: body['transaction-id'],
      tables: body.tables.map(table => toLoadedTable(table.identifier, table)),
    }),
  )
const versionJson = z
  .object({
    identifier: identifierJson,
    'transaction-id': z.int(),
    'committed-at-ms': z.int(),
    'metadata-location': z.string().nullable(),
    'is-forgotten': z.boolean(),
    'purge-requested': z.boolean(),
    'is-unregistered': z.boolean().default(false),
  })
  .transform(
    (body): TableVersion => ({
      identifier: body.identifier,
      transactionId: body['transaction-id'],
      committedAtMs: body['committed-at-ms'],
      metadataLocation: body['metadata-location'],
      isForgotten: body['is-forgotten'],
      purgeRequested: body['purge-requested'],
      isUnregistered: body['is-unregistered'],
    }),
  )
const transactionJson = z
  .object({
    'transaction-id': z.int(),
    'committed-at-ms': z.int(),
    'idempotency-key': z.string().optional(),
    note: z.record(z.string(), z.unknown()).optional(),
    pointers: z.array(
      z.object({
        identifier: identifierJson,
        'metadata-location': z.string().nullable(),
        kind: z.literal('view').optional(),
      }),
    ),
  })
  .transform(
    (body): TransactionRecord => ({
      transactionId: body['transaction-id'],
      committedAtMs: body['committed-at-ms'],
      idempotencyKey: body['idempotency-key'],
      note: body.note,
      pointers: body.pointers.map(pointer => ({
        identifier: pointer.identifier,
        metadataLocation: pointer['metadata-location'],
        ...(pointer.kind && { kind: pointer.kind }),
      })),
    }),
  )

class RestCatalog implements Catalog {
  readonly #client: RestClient
  readonly #random: Random

  constructor(options: RestCatalogOptions) {
    this.#random = options.random
    this.#client = new RestClient({
      url: options.url.replace(/\/+$/, ''),
      clock: options.clock,
      random: options.random,
      fetch: options.fetch ?? globalThis.fetch,
      attemptsMax: options.attemptsMax ?? 6,
      timeoutMs: options.timeoutMs ?? 60_000,
      token: options.token,
    })
  }

  async listNamespaces(): Promise<readonly (readonly string[])[]> {
    const body = await this.#client.read('/v1/ingot/namespaces')
    return decode(z.object({ namespaces: z.array(z.array(z.string())) }), body).namespaces
  }

  async createNamespace(
    namespace: readonly string[],
    properties: Readonly<Record<string, string>> = {},
    options: MutationOptions = {},
  ): Promise<void> {
    await this.#change({ method: 'POST', path: '/v1/namespaces', body: { namespace, properties } }, options)
  }

  async namespaceProperties(namespace: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const body = await this.#client.read(namespacePath(namespace))
    return decode(z.object({ properties: z.record(z.string(), z.string()) }), body).properties
  }

  async updateNamespace(
    namespace: readonly string[],
    update: NamespaceUpdate,
    options: MutationOptions = {},
  ): Promise<NamespaceUpdateResult> {
    const path = `${namespacePath(namespace)}/properties`
    const body = await this.#change({ method: 'POST', path, body: update }, options)
    const keys = z.array(z.string())
    return decode(z.object({ updated: keys, removed: keys, missing: keys }), body)
  }

  async dropNamespace(namespace: readonly string[], options: MutationOptions = {}): Promise<void> {
    await this.#change({ method: 'DELETE', path: namespacePath(namespace) }, options)
  }

  async listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    const body = await this.#client.read(`${namespacePath(namespace)}/tables`)
    return decode(z.object({ identifiers: z.array(identifierJson) }), body).identifiers
  }

  async createTable(request: CreateTableRequest, options: MutationOptions = {}): Promise<LoadedTable> {
    const body = await this.#change(createTableRequest(request, false), options)
    return toLoadedTable(request.identifier, decode(tableJson, body))
  }

  async stageTable(request: CreateTableRequest): Promise<TableMetadata> {
    const body = await this.#change(createTableRequest(request, true), {})
    return decode(stagedTableJson, body).metadata
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    return toLoadedTable(identifier, decode(tableJson, await this.#client.read(tablePath(identifier))))
  }

  async loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    const query =
      'transactionId' in point ? `transaction-id=${point.transactionId}` : `time-ms=${point.timeMs}`
    const body = await this.#client.read(`${tablePath(identifier, '/v1/ingot')}?${query}`)
    return toLoadedTable(identifier, decode(tableJson, body))
  }

  async dropTable(identifier: TableIdentifier, options: DropOptions = {}): Promise<void> {
    const query = options.purgeRequested ? '?purgeRequested=true' : ''
    await this.#change({ method: 'DELETE', path: tablePath(identifier) + query }, options)
  }

  async renameTable(
    from: TableIdentifier,
    to: TableIdentifier,
    options: MutationOptions = {},
  ): Promise<void> {
    const body = { source: from, destination: to }
    await this.#change({ method: 'POST', path: '/v1/tables/rename', body }, options)
  }

  async unregisterTable(identifier: TableIdentifier, options: MutationOptions = {}): Promise<LoadedTable> {
    const body = await this.#change(
      { method: 'POST', path: `${tablePath(identifier)}/unregister`, body: {} },
      options,
    )
    return toLoadedTable(identifier, decode(tableJson, body))
  }

  async registerTable(request: RegisterTableRequest, options: MutationOptions = {}): Promise<LoadedTable> {
    const body = await this.#change(registerRequest('register', request), options)
    return toLoadedTable(request.identifier, decode(tableJson, body))
  }

  async listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]> {
    const body = await this.#client.read(`${namespacePath(namespace)}/views`)
    return decode(z.object({ identifiers: z.array(identifierJson) }), body).identifiers
  }

  async createView(request: CreateViewRequest, options: MutationOptions = {}): Promise<LoadedView> {
    const { identifier, schema, viewVersion, properties = {}, location } = request
    checkIdentifier(identifier)
    const path = `${namespacePath(identifier.namespace)}/views`
    const body = { name: identifier.name, location, schema, 'view-version': viewVersion, properties }
    return toLoadedView(identifier, await this.#change({ method: 'POST', path, body }, options))
  }

  async registerView(request: RegisterRequest, options: MutationOptions = {}): Promise<LoadedView> {
    return toLoadedView(
      request.identifier,
      await this.#change(registerRequest('register-view', request), options),
    )
  }

  async loadView(identifier: TableIdentifier): Promise<LoadedView> {
    return toLoadedView(identifier, await this.#client.read(viewPath(identifier)))
  }

  async replaceView(change: ViewChange, options: MutationOptions = {}): Promise<LoadedView> {
    const path = viewPath(change.identifier)
    return toLoadedView(
      change.identifier,
      await this.#change({ method: 'POST', path, body: change }, options),
    )
  }

  async dropView(identifier: TableIdentifier, options: MutationOptions = {}): Promise<void> {
    await this.#change({ method: 'DELETE', path: viewPath(identifier) }, options)
  }

  async renameView(from: TableIdentifier, to: TableIdentifier, options: MutationOptions = {}): Promise<void> {
    const body = { source: from, destination: to }
    await this.#change({ method: 'POST', path: '/v1/views/rename', body }, options)
  }

  async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    const { idempotencyKey, note, members } = options
    const outcome = await this.#client.send({
      method: 'POST',
      path: '/v1/ingot/commits',
      body: {
        'idempotency-key': idempotencyKey,
        note,
        members: members?.map(toMemberJson),
        'table-changes': changes.map(({ isDrop, origin, ...change }) => ({
          ...change,
          'is-drop': isDrop,
          origin: origin && toOriginJson(origin),
        })),
      },
    })
    if (outcome.type === 'answered') return this.#decodeCommit(outcome.body, idempotencyKey)
    if (outcome.certain) throw outcome.error
    return this.#settleCommit(idempotencyKey, outcome.error)
  }

  async findCommit(idempotencyKey: string): Promise<CommitResult | undefined> {
    const outcome = await this.#client.send({
      method: 'POST',
      path: '/v1/ingot/commits/find',
      body: { 'idempotency-key': idempotencyKey },
    })
    if (outcome.type === 'failed') throw outcome.error
    return decode(z.object({ commit: commitJson.nullable() }), outcome.body).commit ?? undefined
  }

  async findMember(member: CommitMember): Promise<CommitResult | undefined> {
    const outcome = await this.#client.send({
      method: 'POST',
      path: '/v1/ingot/commits/find-member',
      body: toMemberJson(member),
    })
    if (outcome.type === 'failed') throw outcome.error
    return decode(z.object({ commit: commitJson.nullable() }), outcome.body).commit ?? undefined
  }

  async transactions(query: TransactionQuery = {}): Promise<readonly TransactionRecord[]> {
    const parameters = new URLSearchParams()
    if (query.limit !== undefined) parameters.set('limit', String(query.limit))
    if (query.before !== undefined) parameters.set('before', String(query.before))
    if (query.table !== undefined) {
      parameters.set('namespace', query.table.namespace.join(LEVEL_SEPARATOR))
      parameters.set('table', query.table.name)
    }
    const body = await this.#client.read(`/v1/ingot/transactions?${parameters}`)
    return decode(z.object({ transactions: z.array(transactionJson) }), body).transactions
  }

  async tableVersions(): Promise<readonly TableVersion[]> {
    const body = await this.#client.read('/v1/ingot/versions')
    return decode(z.object({ versions: z.array(versionJson) }), body).versions
  }

  async forgetVersions(
    versions: readonly VersionsOfTable[],
    options: { readonly removed?: boolean } = {},
  ): Promise<void> {
    const body = {
      versions: versions.map(({ identifier, transactionIds }) => ({
        identifier,
        'transaction-ids': transactionIds,
      })),
      removed: options.removed ?? false,
    }
    await this.#change({ method: 'POST', path: '/v1/ingot/versions/forget', body }, {})
  }

  async close(): Promise<void> {
    // Nothing to close: connections belong to `fetch`.
  }

  /** After a commit whose answers were lost: asking settles it, as the key is given up when nothing is found. */
  async #settleCommit(idempotencyKey: string, error: IngotError): Promise<CommitResult> {
    let found: CommitResult | undefined
    try {
      found = await this.findCommit(idempotencyKey)
    } catch (cause) {
      throw stateUnknown(cause, { idempotencyKey })
    }
    if (found !== undefined) return found
    if (!isIngotError(error, 'COMMIT_STATE_UNKNOWN')) throw error
    throw new IngotError('COMMIT_CONFLICT', 'the commit was not applied and its key is given up', {
      cause: error,
      retryable: true,
      hint: 'stage the change again and commit it under a new key',
      context: { idempotencyKey },
    })
  }

  #decodeCommit(body: unknown, idempotencyKey: string): CommitResult {
    try {
      return decode(commitJson, body)
    } catch (cause) {
      // The server said that it is applied, whatever is wrong with the rest of the answer.
      throw stateUnknown(cause, { idempotencyKey })
    }
  }

  /** A change that is no commit, sent under one key until it is answered. */
  async #change(request: RestRequest, options: MutationOptions): Promise<unknown> {
    const idempotencyKey = options.idempotencyKey ?? randomUuid(this.#random)
    const outcome = await this.#client.send({ ...request, idempotencyKey })
    if (outcome.type === 'answered') return outcome.body
    if (outcome.certain) throw outcome.error
    throw stateUnknown(outcome.error, { idempotencyKey, method: request.method, path: request.path })
  }
}

function toOriginJson(origin: TableOrigin) {
  if (origin.type === 'clone') return { type: origin.type, of: origin.of, 'snapshot-id': origin.snapshotId }
  return { type: origin.type, of: origin.of, 'transaction-id': origin.transactionId }
}

function toMemberJson({ idempotencyKey, requestHash }: CommitMember) {
  return { 'idempotency-key': idempotencyKey, 'request-hash': requestHash }
}

function createTableRequest(request: CreateTableRequest, isStaged: boolean): RestRequest {
  checkIdentifier(request.identifier)
  const version = request.formatVersion && { 'format-version': String(request.formatVersion) }
  return {
    method: 'POST',
    path: `${namespacePath(request.identifier.namespace)}/tables`,
    body: {
      name: request.identifier.name,
      location: request.location,
      schema: request.schema,
      'partition-spec': request.partitionSpec,
      'write-order': request.sortOrder,
      'stage-create': isStaged,
      properties: { ...request.properties, ...version },
    },
  }
}

function registerRequest(
  operation: 'register' | 'register-view',
  request: RegisterTableRequest,
): RestRequest {
  const { identifier, metadataLocation, overwrite } = request
  checkIdentifier(identifier)
  return {
    method: 'POST',
    path: `${namespacePath(identifier.namespace)}/${operation}`,
    body: { name: identifier.name, 'metadata-location': metadataLocation, overwrite },
  }
}

function toLoadedTable(identifier: TableIdentifier, table: z.infer<typeof tableJson>): LoadedTable {
  return { identifier, metadataLocation: table['metadata-location'], metadata: table.metadata }
}

function toMetadata(value: unknown): TableMetadata {
  return parseTableMetadata(stringifyJson(value))
}

function toLoadedView(identifier: TableIdentifier, body: unknown): LoadedView {
  const view = decode(viewJson, body)
  return { identifier, metadataLocation: view['metadata-location'], metadata: view.metadata }
}

function toViewMetadata(value: unknown): ViewMetadata {
  return parseViewMetadata(stringifyJson(value))
}
