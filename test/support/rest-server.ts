import type { Catalog } from '../../src/catalog/catalog.ts'
import { parseJson, stringifyJson } from '../../src/json.ts'
import { systemRandom } from '../../src/random.ts'
import { createHttpApp } from '../../src/server/http-app.ts'
import { createIcebergRest } from '../../src/server/iceberg-rest.ts'
import type { ScanPlanningOptions } from '../../src/server/scan-planning-routes.ts'
import type { FileIO } from '../../src/storage/file-io.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { openLocalFixture } from '../conformance/catalog-fixtures.ts'

// Answers are looked at as any JSON client sees them.
export type Json = { readonly [key: string]: Json } & readonly Json[]

/** What came back; bodies of JSON are parsed. */
interface Answer {
  readonly status: number
  readonly body: Json
  readonly headers: Headers
}

/** A client of a server in this process. */
export interface Client {
  readonly catalog: Catalog
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

function scansOf(io: FileIO): ScanPlanningOptions {
  return { files: { io, manifests: createManifestCache() }, isConfined: true }
}

/** A server over a catalog of its own, some methods of which may be replaced. */
export async function withServer(
  check: (client: Client) => Promise<void>,
  overrides: Partial<Catalog> = {},
): Promise<void> {
  const fixture = await openLocalFixture()
  const catalog: Catalog = Object.assign(fixture.catalog, overrides)
  const metrics = createMetrics()
  const app = createHttpApp({
    metrics,
    log: createLog({ level: 'silent' }),
    routes: [createIcebergRest({ catalog, random: systemRandom, metrics, scans: scansOf(fixture.io) })],
  })
  const send: Client['send'] = async (method, path, body, headers = {}) => {
    const isReady = body === undefined || typeof body === 'string' || body instanceof ReadableStream
    const init = {
      method,
      headers: { host: '127.0.0.1', ...headers },
      duplex: 'half' as const,
      ...(body !== undefined && { body: isReady ? body : stringifyJson(body) }),
    }
    const response = await app.request(`http://127.0.0.1${path}`, init)
    const answer = await response.text()
    const isJson = answer !== '' && response.headers.get('content-type') === 'application/json'
    const parsed = (isJson ? parseJson(answer) : answer) as Json
    return { status: response.status, body: parsed, headers: response.headers }
  }
  try {
    await check({ catalog, send })
  } finally {
    await fixture.dispose()
  }
}
