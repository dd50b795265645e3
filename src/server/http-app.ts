import { type Context, Hono, type MiddlewareHandler, type Next } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { IngotError } from '../errors.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { challengeOf } from './authentication.ts'
import { type ErrorBody, toErrorBody } from './http-errors.ts'
import { sendJson } from './json-exchange.ts'

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** What an HTTP server serves, and where it tells what it did. */
export interface HttpAppOptions {
  readonly metrics: Metrics
  readonly log: Log
  /** What is served beside `/healthz` and `/metrics`. */
  readonly routes: readonly Hono[]
  /** Lets pass who may come in (`requireToken`). @default requests by name of this machine, from its pages or none */
  readonly authentication?: MiddlewareHandler
}

/**
 * What every HTTP server of Ingot does around its routes: who may come in is checked, requests measured, and errors
 * answered by the one table of codes.
 */
export function createHttpApp(options: HttpAppOptions): Hono {
  const { metrics, log } = options
  const app = new Hono()
  app.use(measureRequests(metrics))
  app.use(options.authentication ?? requireLoopback)
  app.get('/healthz', context => context.text('ok'))
  app.get('/metrics', async context =>
    context.body(await metrics.exposition(), 200, { 'content-type': metrics.contentType }),
  )
  for (const routes of options.routes) app.route('/', routes)
  app.notFound(context =>
    refuse(context, 404, 'NotFoundException', `no endpoint ${context.req.method} ${context.req.path}`),
  )
  app.onError((error, context) => {
    const body = toErrorBody(error)
    const fields = { method: context.req.method, path: context.req.path, err: error }
    if (!(error instanceof IngotError)) log.error(fields, 'request failed by a fault in the program')
    else if (body.error.code >= 500) log.warn(fields, 'request failed')
    if (body.error.code === 401) context.header('www-authenticate', challengeOf(context))
    return sendError(context, body)
  })
  return app
}

/**
 * A page in a browser can make requests to this machine, under a name that resolves to it (DNS rebinding) or across
 * origins: both are refused where there is no authentication. A token is nothing that a browser sends by itself.
 */
async function requireLoopback(context: Context, next: Next): Promise<Response | undefined> {
  const host = context.req.header('host')
  if (host === undefined || !isLoopbackUrl(`http://${host}`)) {
    return refuse(context, 403, 'ForbiddenException', `host ${host ?? '(none)'} is not this server's`)
  }
  const origin = context.req.header('origin')
  if (origin !== undefined && !isLoopbackUrl(origin)) {
    return refuse(context, 403, 'ForbiddenException', `origin ${origin} may not use this server`)
  }
  await next()
  return undefined
}

function isLoopbackUrl(text: string): boolean {
  return URL.canParse(text) && LOOPBACK_NAMES.has(new URL(text).hostname)
}

function measureRequests(metrics: Metrics) {
  const seconds = metrics.histogram('ingot_http_request_seconds', 'Time from a request to its answer', [
    'method',
    'route',
    'status',
  ])
  return async (context: Context, next: Next): Promise<void> => {
    const startedMs = performance.now()
    await next()
    const { method } = context.req
    // The route's pattern, not the path: labels must stay few.
    const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'none'
    const labels = { method, route, status: String(context.res.status) }
    seconds.observe(labels, (performance.now() - startedMs) / 1000)
  }
}

function refuse(context: Context, code: number, type: string, message: string): Response {
  return sendError(context, { error: { message, type, code } })
}

function sendError(context: Context, body: ErrorBody): Response {
  return sendJson(context, body, body.error.code as ContentfulStatusCode)
}
