import { Hono } from 'hono'
import { APPEND_ENDPOINT, addAppendRoutes } from './append-routes.ts'
import { addCredentialRoutes } from './credential-routes.ts'
import { addNamespaceRoutes } from './iceberg-rest-namespaces.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { addTableRoutes } from './iceberg-rest-tables.ts'
import { addViewRoutes } from './iceberg-rest-views.ts'
import { addIngotCatalogRoutes } from './ingot-catalog-routes.ts'
import { sendJson } from './json-exchange.ts'
import { addScanPlanningRoutes } from './scan-planning-routes.ts'

/** Paths of one thing: whether it is there can be asked by HEAD, which the handler of GET answers. */
const THINGS: ReadonlySet<string> = new Set([
  '/namespaces/:namespace',
  '/namespaces/:namespace/tables/:table',
  '/namespaces/:namespace/views/:view',
])

/** Keys are kept for good; this is how long clients may rely on it. */
const IDEMPOTENCY_KEY_LIFETIME = 'P1D'

/**
 * The Iceberg REST catalog over any Catalog, and beside it, under `/v1/ingot`, what RestCatalog needs beyond the spec.
 * Mount it in `createHttpApp`, which answers its errors. Source: Iceberg "open-api/rest-catalog-open-api.yaml".
 */
export function createIcebergRest(options: IcebergRestOptions): Hono {
  const catalogRoutes = new Hono()
  addNamespaceRoutes(catalogRoutes, options)
  addTableRoutes(catalogRoutes, options)
  addCredentialRoutes(catalogRoutes, options)
  addScanPlanningRoutes(catalogRoutes, options)
  addViewRoutes(catalogRoutes, options)
  const endpoints = endpointsOf(catalogRoutes)
  const app = new Hono()
  app.get('/v1/config', context =>
    sendJson(context, {
      defaults: {},
      overrides: {},
      endpoints: options.appends === undefined ? endpoints : [...endpoints, APPEND_ENDPOINT],
      'idempotency-key-lifetime': IDEMPOTENCY_KEY_LIFETIME,
    }),
  )
  app.route('/v1', catalogRoutes)
  addIngotCatalogRoutes(app, options)
  if (options.appends !== undefined) addAppendRoutes(app, options.appends)
  // The configuration names no prefix; clients may be told one all the same. Last, as it could be any word.
  app.route('/v1/:prefix', catalogRoutes)
  return app
}

/** The routes as `/v1/config` lists them; clients do without what is not listed. */
function endpointsOf(routes: Hono): readonly string[] {
  return routes.routes.flatMap(({ method, path }) => {
    const template = `/v1/{prefix}${path.replaceAll(/:([a-z-]+)/g, '{$1}')}`
    const isThing = method === 'GET' && THINGS.has(path)
    return [`${method} ${template}`, ...(isThing ? [`HEAD ${template}`] : [])]
  })
}
