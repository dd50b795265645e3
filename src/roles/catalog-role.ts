import type { Config } from '../config.ts'
import { openPlatform } from '../platform.ts'
import { createHttpApp } from '../server/http-app.ts'
import { createIcebergRest } from '../server/iceberg-rest.ts'
import { serveHttp } from '../server/serve-http.ts'
import { AppendQueue } from '../table/append-queue.ts'
import type { RoleOptions } from './role-options.ts'

/**
 * Serves the catalog (Iceberg REST) until `signal` is aborted, then answers what is under way and ends.
 * @throws CONFIG_INVALID when it cannot listen where the configuration says
 */
export async function runCatalogRole(config: Config, options: RoleOptions): Promise<void> {
  const { isWatched, signal, send } = options
  // The catalog is the one that others reach by URL: it decides by itself, whatever URL the configuration names.
  const own = { ...config, catalog: { ...config.catalog, url: undefined } }
  await using platform = await openPlatform(own, { role: 'catalog', prettyLog: isWatched })
  const { context, metrics, log, random } = platform
  const app = createHttpApp({
    metrics,
    log,
    routes: [createIcebergRest({ catalog: context.catalog, random, appends: new AppendQueue(context) })],
  })
  const server = await serveHttp({ app, host: config.http.host, port: config.http.port })
  log.info({ url: server.url }, 'catalog listens')
  send({ type: 'listening', url: server.url, port: server.port })
  await aborted(signal)
  await server.close()
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
