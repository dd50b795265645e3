import type { Context, Hono } from 'hono'
import { z } from 'zod'
import type { CreateTableRequest, LoadedTable, TableChange } from '../catalog/catalog.ts'
import { IngotError } from '../errors.ts'
import {
  commitTableSchema,
  commitTransactionSchema,
  partitionSpecBody,
  renameSchema,
  requireSameIdentifier,
  schemaBody,
  sortOrderBody,
} from './commit-body.ts'
import { delegate, isDelegated } from './credential-routes.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { pageOf } from './listing-pages.ts'
import { createMetricsReports, metricsReportSchema } from './metrics-reports.ts'
import { readRegistration } from './registration.ts'
import { commitOptionsOf, identifierOf, mutationOptionsOf, namespaceOf } from './route-parameters.ts'
import type { LoadedCredentials } from './table-credentials.ts'
import { etagOf, type SnapshotMode, toLoadTableResult } from './table-response.ts'

const createTableSchema = z.object({
  name: z.string(),
  location: z.string().nullish(),
  schema: schemaBody,
  'partition-spec': partitionSpecBody.nullish(),
  'write-order': sortOrderBody.nullish(),
  'stage-create': z.boolean().nullish(),
  properties: z.record(z.string(), z.string()).nullish(),
})

/** The property by which a create request chooses the table's format version (REST spec, "createTable"). */
const FORMAT_VERSION_PROPERTY = 'format-version'

/** The table endpoints of the REST spec. */
export function addTableRoutes(app: Hono, options: IcebergRestOptions): void {
  addReadRoutes(app, options)
  addCommitRoutes(app, options)
  const { catalog, credentials } = options

  app.post('/namespaces/:namespace/tables', async context => {
    const body = await readJson(context, createTableSchema)
    const request = toCreateTableRequest(namespaceOf(context), body)
    if (body['stage-create']) {
      const metadata = await catalog.stageTable(request)
      const found = await delegate(context, credentials, { identifier: request.identifier, metadata }, true)
      return sendJson(context, toLoadTableResult(metadata, undefined, 'all', found))
    }
    const table = await catalog.createTable(request, mutationOptionsOf(context))
    return sendTable(context, table, await delegate(context, credentials, table, true))
  })

  app.post('/namespaces/:namespace/register', async context => {
    const table = await catalog.registerTable(await readRegistration(context), mutationOptionsOf(context))
    return sendTable(context, table, await delegate(context, credentials, table, true))
  })

  app.post('/namespaces/:namespace/tables/:table/unregister', async context => {
    const table = await catalog.unregisterTable(identifierOf(context), mutationOptionsOf(context))
    return sendJson(context, toMetadataResult(table))
  })

  app.post('/tables/rename', async context => {
    const { source, destination } = await readJson(context, renameSchema)
    await catalog.renameTable(source, destination, mutationOptionsOf(context))
    return context.body(null, 204)
  })

  app.delete('/namespaces/:namespace/tables/:table', async context => {
    const purgeRequested = context.req.query('purgeRequested')?.toLowerCase() === 'true'
    await catalog.dropTable(identifierOf(context), { ...mutationOptionsOf(context), purgeRequested })
    return context.body(null, 204)
  })
}

function addReadRoutes(app: Hono, { catalog, metrics, credentials }: IcebergRestOptions): void {
  app.get('/namespaces/:namespace/tables', async context => {
    const namespace = namespaceOf(context)
    const all = await catalog.listTables(namespace)
    const { items, ...next } = pageOf(context, all, ({ name }) => name, ['tables', namespace])
    return sendJson(context, { identifiers: items, ...next })
  })

  // A missing namespace is answered as a missing table, too: Spark's metadata tables (`t.files`) rely on it.
  app.get('/namespaces/:namespace/tables/:table', async context => {
    const table = await catalog.loadTable(identifierOf(context))
    if (context.req.method === 'HEAD') return context.body(null, 204)
    const mode = snapshotModeOf(context)
    // Credentials of an earlier answer end: who asks for them gets new ones, whatever else they have.
    if (!isDelegated(context, credentials) && isNoneMatched(context, etagOf(table, mode))) {
      return context.body(null, 304, { etag: etagOf(table, mode) })
    }
    return sendTable(context, table, await delegate(context, credentials, table, false), mode)
  })

  const reports = createMetricsReports(metrics)
  app.post('/namespaces/:namespace/tables/:table/metrics', async context => {
    const report = await readJson(context, metricsReportSchema)
    await catalog.loadTable(identifierOf(context))
    reports.count(report['report-type'])
    return context.body(null, 204)
  })
}

function addCommitRoutes(app: Hono, { catalog, random }: IcebergRestOptions): void {
  app.post('/namespaces/:namespace/tables/:table', async context => {
    const { requirements, updates, ...body } = await readJson(context, commitTableSchema)
    const identifier = identifierOf(context)
    requireSameIdentifier(identifier, body.identifier ?? identifier)
    const change: TableChange = { identifier, requirements, updates }
    const { tables } = await catalog.commit([change], commitOptionsOf(context, random))
    const [table] = tables
    if (table === undefined) throw new IngotError('METADATA_INVALID', 'a commit answered without its table')
    context.header('etag', etagOf(table, 'all'))
    return sendJson(context, toMetadataResult(table))
  })

  app.post('/transactions/commit', async context => {
    const body = await readJson(context, commitTransactionSchema)
    await catalog.commit(body['table-changes'], commitOptionsOf(context, random))
    return context.body(null, 204)
  })
}

/** REST spec, CommitTableResponse and UnregisterTableResult: where the metadata is, and the metadata, nothing else. */
function toMetadataResult({ metadata, metadataLocation }: LoadedTable): Record<string, unknown> {
  const { config: _, ...result } = toLoadTableResult(metadata, metadataLocation)
  return result
}

function sendTable(
  context: Context,
  table: LoadedTable,
  credentials: LoadedCredentials,
  mode: SnapshotMode = 'all',
): Response {
  context.header('etag', etagOf(table, mode))
  return sendJson(context, toLoadTableResult(table.metadata, table.metadataLocation, mode, credentials))
}

/** Whether the client has this version already; a weak tag says the same here as a strong one (RFC 9110, 13.1.2). */
function isNoneMatched(context: Context, etag: string): boolean {
  const known = context.req.header('if-none-match')?.split(',') ?? []
  return known.some(tag => tag.trim().replace(/^W\//, '') === etag)
}

function snapshotModeOf(context: Context): SnapshotMode {
  const mode = context.req.query('snapshots') ?? 'all'
  if (mode === 'all' || mode === 'refs') return mode
  throw new IngotError('REQUEST_INVALID', `snapshots is all or refs, not ${mode.slice(0, 100)}`)
}

function toCreateTableRequest(
  namespace: readonly string[],
  body: z.infer<typeof createTableSchema>,
): CreateTableRequest {
  const { [FORMAT_VERSION_PROPERTY]: versionText, ...properties } = body.properties ?? {}
  const formatVersion = parseFormatVersion(versionText ?? '2')
  return {
    identifier: { namespace, name: body.name },
    schema: body.schema,
    properties,
    formatVersion,
    ...(body['partition-spec'] && { partitionSpec: body['partition-spec'] }),
    ...(body['write-order'] && { sortOrder: body['write-order'] }),
    ...(body.location && { location: body.location }),
  }
}

function parseFormatVersion(text: string): 2 | 3 {
  if (text === '2') return 2
  if (text === '3') return 3
  throw new IngotError('UNSUPPORTED', `tables of format version ${text.slice(0, 20)} cannot be created`, {
    hint: 'use format version 2, or 3',
  })
}
