import { Hono } from 'hono'
import { APPEND_ENDPOINT, addAppendRoutes } from './append-routes.ts'
import { addNamespaceRoutes } from './iceberg-rest-namespaces.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { addTableRoutes } from './iceberg-rest-tables.ts'
import { addIngotCatalogRoutes } from './ingot-catalog-routes.ts'
import { sendJson } from './json-exchange.ts'

/** What `/v1/config` says that this server does; clients do without the rest (views, scan planning). */
const ENDPOINTS = [
  'GET /v1/{prefix}/namespaces',
  'POST /v1/{prefix}/namespaces',
  'GET /v1/{prefix}/namespaces/{namespace}',
  'HEAD /v1/{prefix}/namespaces/{namespace}',
  'DELETE /v1/{prefix}/namespaces/{namespace}',
  'POST /v1/{prefix}/namespaces/{namespace}/properties',
  'GET /v1/{prefix}/namespaces/{namespace}/tables',
  'POST /v1/{prefix}/namespaces/{namespace}/tables',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics',
  'POST /v1/{prefix}/tables/rename',
  'POST /v1/{prefix}/transactions/commit',
]

/** Keys are kept for good; this is how long clients may rely on it. */
const IDEMPOTENCY_KEY_LIFETIME = 'P1D'

/**
 * The Iceberg REST catalog over any Catalog, and beside it, under `/v1/ingot`, what RestCatalog needs beyond the spec.
 * Mount it in `createHttpApp`, which answers its errors. Source: Iceberg "open-api/rest-catalog-open-api.yaml".
 */
export function createIcebergRest(options: IcebergRestOptions): Hono {
  const app = new Hono()
  app.get('/v1/config', context =>
    sendJson(context, {
      defaults: {},
      overrides: {},
      endpoints: options.appends === undefined ? ENDPOINTS : [...ENDPOINTS, APPEND_ENDPOINT],
      'idempotency-key-lifetime': IDEMPOTENCY_KEY_LIFETIME,
    }),
  )
  addNamespaceRoutes(app, options)
  addTableRoutes(app, options)
  addIngotCatalogRoutes(app, options)
  if (options.appends !== undefined) addAppendRoutes(app, options.appends)
  return app
}
