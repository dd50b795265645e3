import type { Hono } from 'hono'
import { z } from 'zod'
import type { PointInHistory, TableVersion, TransactionRecord } from '../catalog/catalog.ts'
import { IngotError } from '../errors.ts'
import { ingotCommitSchema, memberSchema } from './commit-body.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { identifierOf, integerQueryOf, parseLevels } from './route-parameters.ts'
import { toCommitJson, toLoadTableResult } from './table-response.ts'

const TRANSACTIONS_MAX = 10_000

const findCommitSchema = z.object({ 'idempotency-key': z.string().min(1) })

const forgetVersionsSchema = z.object({
  versions: z.array(
    z.object({
      identifier: z.object({ namespace: z.array(z.string()), name: z.string() }),
      'transaction-ids': z.array(z.int()),
    }),
  ),
  removed: z.boolean(),
})

/** What the Catalog interface has beyond the REST spec: commits with a note, their history, tables as they were. */
export function addIngotCatalogRoutes(app: Hono, { catalog }: IcebergRestOptions): void {
  app.get('/v1/ingot/namespaces', async context =>
    sendJson(context, { namespaces: await catalog.listNamespaces() }),
  )

  app.get('/v1/ingot/namespaces/:namespace/tables/:table', async context => {
    const point = {
      transactionId: integerQueryOf(context, 'transaction-id'),
      timeMs: integerQueryOf(context, 'time-ms'),
    }
    const { metadata, metadataLocation } = await catalog.loadTableAt(
      identifierOf(context),
      requirePoint(point),
    )
    return sendJson(context, toLoadTableResult(metadata, metadataLocation))
  })

  app.post('/v1/ingot/commits', async context => {
    const { 'table-changes': changes, ...options } = await readJson(context, ingotCommitSchema)
    return sendJson(context, toCommitJson(await catalog.commit(changes, options)))
  })

  // A POST, as it gives the key up when nothing is found.
  app.post('/v1/ingot/commits/find', async context => {
    const body = await readJson(context, findCommitSchema)
    const result = await catalog.findCommit(body['idempotency-key'])
    return sendJson(context, { commit: result === undefined ? null : toCommitJson(result) })
  })

  app.post('/v1/ingot/commits/find-member', async context => {
    const result = await catalog.findMember(await readJson(context, memberSchema))
    return sendJson(context, { commit: result === undefined ? null : toCommitJson(result) })
  })

  app.get('/v1/ingot/versions', async context =>
    sendJson(context, { versions: (await catalog.tableVersions()).map(toVersionJson) }),
  )

  app.post('/v1/ingot/versions/forget', async context => {
    const { versions, removed } = await readJson(context, forgetVersionsSchema)
    await catalog.forgetVersions(
      versions.map(({ identifier, 'transaction-ids': transactionIds }) => ({ identifier, transactionIds })),
      { removed },
    )
    return context.body(null, 204)
  })

  app.get('/v1/ingot/transactions', async context => {
    const namespace = context.req.query('namespace')
    const name = context.req.query('table')
    const limit = integerQueryOf(context, 'limit')
    const before = integerQueryOf(context, 'before')
    const transactions = await catalog.transactions({
      ...(namespace !== undefined &&
        name !== undefined && { table: { namespace: parseLevels(namespace), name } }),
      ...(before !== undefined && { before }),
      ...(limit !== undefined && { limit: Math.min(limit, TRANSACTIONS_MAX) }),
    })
    return sendJson(context, { transactions: transactions.map(toTransactionJson) })
  })
}

function requirePoint(point: {
  transactionId: number | undefined
  timeMs: number | undefined
}): PointInHistory {
  const { transactionId, timeMs } = point
  if (transactionId !== undefined && timeMs === undefined) return { transactionId }
  if (timeMs !== undefined && transactionId === undefined) return { timeMs }
  throw new IngotError('REQUEST_INVALID', 'a point in history is either a transaction-id or a time-ms')
}

function toTransactionJson(record: TransactionRecord): Record<string, unknown> {
  return {
    'transaction-id': record.transactionId,
    'committed-at-ms': record.committedAtMs,
    'idempotency-key': record.idempotencyKey,
    note: record.note,
    pointers: record.pointers.map(pointer => ({
      identifier: pointer.identifier,
      'metadata-location': pointer.metadataLocation,
      kind: pointer.kind,
    })),
  }
}

function toVersionJson(version: TableVersion): Record<string, unknown> {
  return {
    identifier: version.identifier,
    'transaction-id': version.transactionId,
    'committed-at-ms': version.committedAtMs,
    'metadata-location': version.metadataLocation,
    'is-forgotten': version.isForgotten,
    'purge-requested': version.purgeRequested,
    'is-unregistered': version.isUnregistered,
  }
}
