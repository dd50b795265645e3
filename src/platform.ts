import { join } from 'node:path'
import { createBranchCatalog } from './catalog/branch-catalog.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { DatabaseStore } from './catalog/database-store.ts'
import { createLibsqlStore } from './catalog/libsql-store.ts'
import { createLocalCatalog } from './catalog/local-catalog.ts'
import { createPostgresStore } from './catalog/postgres-store.ts'
import { createRestCatalog } from './catalog/rest-catalog.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { createDuckdbEngine } from './engine/duckdb-engine.ts'
import { createFileLoader } from './ingest/file-loader.ts'
import { checkLake } from './lake/check-lake.ts'
import type { Lake } from './lake/lake.ts'
import { loadProject } from './lake/load-project.ts'
import type { BronzeLoader } from './pipeline/bronze-loader.ts'
import { type Random, systemRandom } from './random.ts'
import { createLocalFileIO } from './storage/local-file-io.ts'
import { createS3CredentialVendor, type S3CredentialVendor } from './storage/s3-credential-vendor.ts'
import { openS3Storage, type S3Storage } from './storage/s3-storage.ts'
import { openTempFolder } from './storage/temp-folder.ts'
import type { Engine } from './table/engine.ts'
import { createManifestCache } from './table/manifest-cache.ts'
import { createParquetSchemaCache } from './table/parquet-schemas.ts'
import type { TableContext } from './table/staged-table.ts'
import { createLog, type Log, type LogLevel } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'

/** The parts of one process, put together as the configuration says. This is the only place that knows all of them. */
export interface Platform extends AsyncDisposable {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly context: TableContext
  /** Where the catalog keeps what it decides; undefined when it is another process. */
  readonly store: DatabaseStore | undefined
  /** Gives other engines credentials for the storage; undefined: they bring their own, or need none. */
  readonly credentialVendor: S3CredentialVendor | undefined
  readonly engine: Engine
  readonly loader: BronzeLoader
  readonly log: Log
  readonly metrics: Metrics
  /** For files that are not needed once this process ends: gone with it, even when it is killed. */
  readonly tempFolder: string
}

export interface PlatformOptions {
  /** Lines for a person rather than JSON. @default false */
  readonly prettyLog?: boolean
  /** How much is logged where the configuration does not say. @default info */
  readonly logLevel?: LogLevel
  /** What every log line carries. */
  readonly role?: string
  /** The branch that tables are read and written on. @default main */
  readonly branch?: string
}

/** Opens the parts; engine processes start when the first query does. Dispose of it. */
export async function openPlatform(config: Config, options: PlatformOptions = {}): Promise<Platform> {
  const clock = systemClock
  const random = systemRandom
  const root = createLog({
    level: config.log.level ?? options.logLevel ?? 'info',
    pretty: options.prettyLog ?? false,
  })
  const log = options.role ? root.child({ role: options.role }) : root
  const metrics = createMetrics({ processMetrics: options.role !== undefined })
  const s3 = await openS3(config, { clock, random })
  const io = s3?.io ?? createLocalFileIO()
  const { catalog: lake, store } = await openCatalog(config, { clock, random, io })
  const catalog = options.branch === undefined ? lake : createBranchCatalog(lake, options.branch)
  const temp = await openTempFolder({
    parent: tempFolderOf(config),
    nowMs: clock.nowMs(),
    log,
  })
  const engine = createDuckdbEngine({
    ...config.engine,
    tempFolder: temp.path,
    s3,
    log,
    metrics,
  })
  const manifests = createManifestCache()
  const parquetSchemas = createParquetSchemaCache()
  const context: TableContext = { io, catalog, clock, random, manifests, parquetSchemas }
  const loader = createFileLoader({
    context,
    engine,
    projectFolder: config.projectFolder,
    tempFolder: temp.path,
    limits: config.ingest,
    log,
  })
  return {
    config,
    clock,
    random,
    context,
    store,
    credentialVendor: createCredentialVendor(config, { clock, random }),
    engine,
    loader,
    log,
    metrics,
    tempFolder: temp.path,
    [Symbol.asyncDispose]: async () => {
      await engine.close()
      await catalog.close()
      await temp.remove()
    },
  }
}

/** Where the processes of a project have their temporary folders. */
export function tempFolderOf({ stateFolder }: Config): string {
  return join(stateFolder, 'temp')
}

/** The project's tables, checked. @throws DECLARATION_INVALID */
export async function openLake(platform: Platform): Promise<Lake> {
  const project = await loadProject({
    projectFolder: platform.config.projectFolder,
    cacheFolder: join(platform.config.stateFolder, 'cache'),
  })
  return await checkLake(project, platform.engine)
}

/** Undefined when the lake is in a folder of this machine. */
async function openS3(
  { storage }: Config,
  parts: Pick<TableContext, 'clock' | 'random'>,
): Promise<S3Storage | undefined> {
  return storage.root.startsWith('s3://')
    ? await openS3Storage({ ...storage.s3, ...parts, root: storage.root })
    : undefined
}

function createCredentialVendor(
  { storage }: Config,
  parts: Pick<TableContext, 'clock' | 'random'>,
): S3CredentialVendor | undefined {
  const { vending, region } = storage.s3
  if (vending === undefined || !storage.root.startsWith('s3://')) return undefined
  return createS3CredentialVendor({ ...vending, ...parts, region, endpoint: vending.stsEndpoint })
}

async function openCatalog(
  { catalog, storage }: Config,
  parts: Pick<TableContext, 'clock' | 'random' | 'io'>,
): Promise<{ readonly catalog: Catalog; readonly store: DatabaseStore | undefined }> {
  if (catalog.url !== undefined) {
    const { url, token } = catalog
    return {
      catalog: createRestCatalog({ ...parts, url, ...(token !== undefined && { token }) }),
      store: undefined,
    }
  }
  const store =
    catalog.postgresUrl === undefined
      ? await createLibsqlStore({ file: catalog.file, clock: parts.clock })
      : await createPostgresStore({ url: catalog.postgresUrl })
  return { catalog: createLocalCatalog({ ...parts, store, root: storage.root }), store }
}
