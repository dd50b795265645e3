import { readFile } from 'node:fs/promises'
import { type Config, isLoopbackHost } from '../config.ts'
import { IngotError } from '../errors.ts'
import { openPlatform } from '../platform.ts'
import { serveHttp } from '../server/serve-http.ts'
import { createCatalogApp } from './catalog-app.ts'
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
  const { log } = platform
  const { http, catalog } = config
  const server = await serveHttp({
    app: createCatalogApp(platform),
    host: http.host,
    port: http.port,
    isAuthenticated: catalog.isAuthenticated,
    ...(catalog.tls && { tls: await readTls(catalog.tls) }),
  })
  if (!isLoopbackHost(http.host) && catalog.tls === undefined) {
    log.warn(
      { url: server.url },
      'tokens are sent to this catalog unencrypted, unless a proxy before it does TLS',
    )
  }
  log.info({ url: server.url }, 'catalog listens')
  send({ type: 'listening', url: server.url, port: server.port })
  await aborted(signal)
  await server.close()
}

/** @throws CONFIG_INVALID naming the file that cannot be read */
async function readTls(tls: { readonly certificate: string; readonly key: string }) {
  const read = (key: string, file: string): Promise<string> =>
    readFile(file, 'utf8').catch(cause => {
      throw new IngotError(
        'CONFIG_INVALID',
        `catalog.tls.${key} cannot be read: ${(cause as Error).message}`,
        {
          cause,
          hint: 'give a file in PEM that the catalog may read, absolute or relative to the project',
        },
      )
    })
  return { certificate: await read('certificate', tls.certificate), key: await read('key', tls.key) }
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
