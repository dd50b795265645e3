import assert from 'node:assert/strict'
import { Authenticator } from '../access/authenticator.ts'
import { parseBearerToken } from '../access/credential.ts'
import { allows } from '../access/grants.ts'
import { GuardedCatalog } from '../access/guarded-catalog.ts'
import { ConfinedCatalog } from '../catalog/confined-catalog.ts'
import { createLocalCatalog } from '../catalog/local-catalog.ts'
import { SnapshotAdmission } from '../catalog/snapshot-admission.ts'
import { IngotError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { requireToken } from '../server/authentication.ts'
import { guardAppends } from '../server/guarded-appends.ts'
import { createHttpApp } from '../server/http-app.ts'
import { createIcebergRest } from '../server/iceberg-rest.ts'
import { createOAuthRoutes } from '../server/oauth-routes.ts'
import { RequestSessions } from '../server/request-sessions.ts'
import { type FileAccess, TableCredentials } from '../server/table-credentials.ts'
import { AppendQueue } from '../table/append-queue.ts'
import type { TableIdentifier } from '../table-identifier.ts'

type CatalogParts = Pick<Platform, 'config' | 'context' | 'store' | 'credentialVendor' | 'metrics' | 'log'>

/** What the catalog role serves: to everybody on this machine, or with authentication to those who have a token. */
export function createCatalogApp(parts: CatalogParts): ReturnType<typeof createHttpApp> {
  const { config, context, metrics, log } = parts
  const { random } = context
  const queue = new AppendQueue(context)
  if (!config.catalog.isAuthenticated) {
    const credentials = createTableCredentials(parts, () => ({ mode: 'write', principal: undefined }))
    const catalog = new ConfinedCatalog(context.catalog, admissionOf(parts))
    const routes = [
      createIcebergRest({
        catalog,
        random,
        metrics,
        appends: queue,
        credentials,
        scans: { files: context, isConfined: false },
      }),
    ]
    return createHttpApp({ metrics, log, routes })
  }
  const authenticator = createAuthenticator(parts)
  const sessions = new RequestSessions()
  const catalog = new GuardedCatalog(() => sessions.current())
  const appends = guardAppends(queue, sessions)
  const credentials = createTableCredentials(parts, ({ namespace, name }) => {
    const { principal, grants } = sessions.current()
    return { mode: allows(grants, 'write', { namespace, name }) ? 'write' : 'read', principal }
  })
  return createHttpApp({
    metrics,
    log,
    authentication: requireToken(authenticator, sessions),
    routes: [
      createOAuthRoutes(authenticator),
      createIcebergRest({
        catalog,
        random,
        metrics,
        appends,
        credentials,
        scans: { files: context, isConfined: true },
      }),
    ],
  })
}

function createTableCredentials(
  { config, credentialVendor, log }: CatalogParts,
  accessTo: (identifier: TableIdentifier) => FileAccess,
): TableCredentials {
  const { root, s3 } = config.storage
  return new TableCredentials({
    vendor: credentialVendor,
    s3,
    isOnS3: root.startsWith('s3://'),
    log,
    accessTo,
  })
}

function createAuthenticator(parts: CatalogParts): Authenticator {
  const { config, context, store } = parts
  assert.ok(store, 'a catalog that others ask has a store')
  const service = serviceCredential(config.catalog.serviceToken)
  const { root } = config.storage
  const admission = admissionOf(parts)
  return new Authenticator({
    ...context,
    access: store.access,
    root,
    ...(service && { service }),
    catalogFor: principal => {
      const own = createLocalCatalog({ ...context, store: store.attributedTo(principal), root })
      return new ConfinedCatalog(own, admission)
    },
  })
}

/** Appends need none: they say which files they add, and the queue looks at those. */
function admissionOf({ config, context }: CatalogParts): SnapshotAdmission {
  return new SnapshotAdmission({ io: context.io, root: config.storage.root })
}

function serviceCredential(token: string | undefined) {
  const credential = token === undefined ? undefined : parseBearerToken(token)
  if (token === undefined || credential !== undefined) return credential
  throw new IngotError('CONFIG_INVALID', 'the variable INGOT_CATALOG_SERVICE_TOKEN holds no token of ingot', {
    hint: 'leave it to ingot start, or set it to what "ingot token create" prints',
  })
}
