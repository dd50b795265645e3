import assert from 'node:assert/strict'
import { Authenticator } from '../access/authenticator.ts'
import { parseBearerToken } from '../access/credential.ts'
import { GuardedCatalog } from '../access/guarded-catalog.ts'
import { createLocalCatalog } from '../catalog/local-catalog.ts'
import { IngotError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { requireToken } from '../server/authentication.ts'
import { guardAppends } from '../server/guarded-appends.ts'
import { createHttpApp } from '../server/http-app.ts'
import { createIcebergRest } from '../server/iceberg-rest.ts'
import { createOAuthRoutes } from '../server/oauth-routes.ts'
import { RequestSessions } from '../server/request-sessions.ts'
import { AppendQueue } from '../table/append-queue.ts'

type CatalogParts = Pick<Platform, 'config' | 'context' | 'store' | 'metrics' | 'log'>

/** What the catalog role serves: to everybody on this machine, or with authentication to those who have a token. */
export function createCatalogApp(parts: CatalogParts): ReturnType<typeof createHttpApp> {
  const { config, context, metrics, log } = parts
  const { random } = context
  const queue = new AppendQueue(context)
  if (!config.catalog.isAuthenticated) {
    const routes = [createIcebergRest({ catalog: context.catalog, random, metrics, appends: queue })]
    return createHttpApp({ metrics, log, routes })
  }
  const authenticator = createAuthenticator(parts)
  const sessions = new RequestSessions()
  const catalog = new GuardedCatalog(() => sessions.current())
  return createHttpApp({
    metrics,
    log,
    authentication: requireToken(authenticator, sessions),
    routes: [
      createOAuthRoutes(authenticator),
      createIcebergRest({ catalog, random, metrics, appends: guardAppends(queue, sessions) }),
    ],
  })
}

function createAuthenticator({ config, context, store }: CatalogParts): Authenticator {
  assert.ok(store, 'a catalog that others ask has a store')
  const service = serviceCredential(config.catalog.serviceToken)
  return new Authenticator({
    ...context,
    access: store.access,
    root: config.storage.root,
    ...(service && { service }),
    catalogFor: principal =>
      createLocalCatalog({ ...context, store: store.attributedTo(principal), root: config.storage.root }),
  })
}

function serviceCredential(token: string | undefined) {
  const credential = token === undefined ? undefined : parseBearerToken(token)
  if (token === undefined || credential !== undefined) return credential
  throw new IngotError('CONFIG_INVALID', 'the variable INGOT_CATALOG_SERVICE_TOKEN holds no token of ingot', {
    hint: 'leave it to ingot start, or set it to what "ingot token create" prints',
  })
}
