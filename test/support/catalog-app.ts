import type { Hono } from 'hono'
import { createCredential, hashSecret, toBearerToken } from '../../src/access/credential.ts'
import type { Catalog } from '../../src/catalog/catalog.ts'
import type { DatabaseStore } from '../../src/catalog/database-store.ts'
import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { stringifyJson } from '../../src/json.ts'
import { systemRandom } from '../../src/random.ts'
import { createCatalogApp } from '../../src/roles/catalog-app.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import type { S3CredentialVendor } from '../../src/storage/s3-credential-vendor.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { createLog, type Log } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { openLibsqlStores } from '../conformance/catalog-fixtures.ts'
import { eagerClock } from '../conformance/catalog-samples.ts'

/** The service token of the app, in whole. */
export const SERVICE_TOKEN = 'ingot_service_0123456789'

interface CatalogAppLabOptions {
  /** @default silent */
  readonly log?: Log
  /** @default nobody gives out credentials */
  readonly credentialVendor?: S3CredentialVendor
}

/** The catalog's app over a store of its own, with authentication. Dispose of it. */
export class CatalogAppLab implements AsyncDisposable {
  readonly app: Hono
  readonly store: DatabaseStore
  /** Without guard, in nobody's name. */
  readonly catalog: Catalog
  readonly config: Config
  nowMs = 1_800_000_000_000
  #askedCount = 0
  readonly #dispose: () => Promise<void>

  private constructor(
    store: DatabaseStore,
    folder: string,
    { log = createLog({ level: 'silent' }), credentialVendor }: CatalogAppLabOptions,
    dispose: () => Promise<void>,
  ) {
    this.#dispose = dispose
    this.store = store
    this.config = loadConfig(folder, {
      INGOT_CATALOG_AUTHENTICATION: 'on',
      INGOT_CATALOG_SERVICE_TOKEN: SERVICE_TOKEN,
    })
    const clock = { ...eagerClock, nowMs: () => this.nowMs }
    const parts = { io: createLocalFileIO(), clock, random: systemRandom }
    this.catalog = createLocalCatalog({ ...parts, store, root: this.config.storage.root })
    const context = { ...parts, catalog: this.catalog, manifests: createManifestCache() }
    const { config } = this
    this.app = createCatalogApp({
      ...{ config, context, store, log, metrics: createMetrics() },
      credentialVendor,
    })
  }

  static async open(options: CatalogAppLabOptions = {}): Promise<CatalogAppLab> {
    const stores = await openLibsqlStores()
    const folder = stores.file.slice(0, stores.file.lastIndexOf('/'))
    return new CatalogAppLab(await stores.open(), folder, options, stores.dispose)
  }

  /** A token whose holder has these roles. */
  async tokenFor(principal: string, ...roles: readonly string[]): Promise<string> {
    const credential = createCredential(systemRandom)
    await this.store.access.addCredential({
      clientId: credential.clientId,
      secretHash: hashSecret(credential.clientSecret),
      principal,
      roles,
      createdAtMs: this.nowMs,
      expiresAtMs: undefined,
      issuedFrom: undefined,
    })
    return toBearerToken(credential)
  }

  /** @param token left out: none is sent */
  async ask(
    method: string,
    path: string,
    token?: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    this.#askedCount += 1
    return await this.app.request(`http://catalog.example.org${path}`, {
      method,
      headers: {
        host: 'catalog.example.org',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        'idempotency-key': `${method} ${path} ${this.#askedCount}`,
        ...headers,
      },
      ...(body !== undefined && { body: stringifyJson(body) }),
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose()
  }
}
