import type { Clock } from '../clock.ts'
import { ERROR_CODES, type ErrorCode, IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'
import { jittered, type Random } from '../random.ts'

/** How a client reaches its server; RestCatalogOptions has the defaults. */
export interface RestClientOptions {
  /** Of the server, without a path. */
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  readonly fetch: typeof globalThis.fetch
  /** How often a request is sent before it is given up. */
  readonly attemptsMax: number
  /** How long one answer may take. */
  readonly timeoutMs: number
  /** What the server is asked with (RFC 6750). @default nothing: it has no authentication */
  readonly token?: string | undefined
}

/** One request, which may be sent several times. */
export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With its query, escaped. */
  readonly path: string
  readonly body?: unknown
  /** Makes a change safe to be sent again. */
  readonly idempotencyKey?: string
}

/** How a request went that was sent until it was answered or given up. */
export type RestOutcome =
  | { readonly type: 'answered'; readonly body: unknown }
  /** `certain`: the server did not do it, and never will be late with it. */
  | { readonly type: 'failed'; readonly error: IngotError; readonly certain: boolean }

/** One sending. A loss that is not certain may have been done all the same. */
type Sending =
  | { readonly type: 'answered'; readonly body: unknown }
  | { readonly type: 'refused'; readonly error: IngotError }
  | { readonly type: 'lost'; readonly error: IngotError; readonly certain: boolean }

const FIRST_DELAY_MS = 100
const DELAY_MS_MAX = 5_000

/** JSON over HTTP to a catalog server, repeated with jitter while its answers are lost. */
export class RestClient {
  readonly #options: RestClientOptions

  constructor(options: RestClientOptions) {
    this.#options = options
  }

  /** The answer to a request that changes nothing. @throws the server's own error, or CATALOG_UNAVAILABLE */
  async read(path: string): Promise<unknown> {
    const outcome = await this.send({ method: 'GET', path })
    if (outcome.type === 'answered') return outcome.body
    throw outcome.error
  }

  /** Sends a request that may be sent more than once. */
  async send(request: RestRequest): Promise<RestOutcome> {
    let certain = true
    for (let attempt = 1; ; attempt++) {
      const sending = await this.#sendOnce(request)
      if (sending.type === 'answered') return sending
      if (sending.type === 'refused') return { type: 'failed', error: sending.error, certain }
      certain &&= sending.certain
      if (attempt >= this.#options.attemptsMax) return { type: 'failed', error: sending.error, certain }
      await this.#pause(attempt)
    }
  }

  async #sendOnce(request: RestRequest): Promise<Sending> {
    let status: number
    let text: string
    try {
      const response = await this.#fetch(request)
      status = response.status
      text = await response.text()
    } catch (cause) {
      return { type: 'lost', error: this.#unreachable(cause), certain: isConnectionRefused(cause) }
    }
    if (status >= 200 && status < 300) return this.#parseAnswer(status, text)
    const error = toServerError(status, text)
    if (error === undefined)
      return { type: 'lost', error: this.#strangeAnswer(status), certain: status < 500 }
    if (error.code === 'COMMIT_STATE_UNKNOWN') return { type: 'lost', error, certain: false }
    return status >= 500 && error.retryable
      ? { type: 'lost', error, certain: true }
      : { type: 'refused', error }
  }

  async #fetch(request: RestRequest): Promise<Response> {
    const { clock, timeoutMs, fetch, url, token } = this.#options
    const timeout = new AbortController()
    const answered = new AbortController()
    clock.sleep(timeoutMs, answered.signal).then(
      () => timeout.abort(new Error(`no answer within ${timeoutMs} ms`)),
      () => undefined,
    )
    try {
      const response = await fetch(`${url}${request.path}`, {
        method: request.method,
        signal: timeout.signal,
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(request.idempotencyKey !== undefined && { 'idempotency-key': request.idempotencyKey }),
        },
        ...(request.body !== undefined && { body: stringifyJson(request.body) }),
      })
      // The body counts, too: it is read before the time is up, or not at all.
      const text = await response.text()
      return new Response(text === '' ? null : text, { status: response.status })
    } finally {
      answered.abort()
    }
  }

  #parseAnswer(status: number, text: string): Sending {
    try {
      return { type: 'answered', body: text === '' ? undefined : parseJson(text) }
    } catch {
      return { type: 'lost', error: this.#strangeAnswer(status), certain: false }
    }
  }

  async #pause(attempt: number): Promise<void> {
    const delayMs = Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** (attempt - 1))
    await this.#options.clock.sleep(jittered(delayMs, this.#options.random))
  }

  #unreachable(cause: unknown): IngotError {
    const { url } = this.#options
    return new IngotError('CATALOG_UNAVAILABLE', `catalog at ${url} cannot be reached: ${reasonOf(cause)}`, {
      cause,
      retryable: true,
      hint: 'check that the catalog is running and that catalog.url is right',
      context: { url },
    })
  }

  #strangeAnswer(status: number): IngotError {
    const { url } = this.#options
    return new IngotError('CATALOG_UNAVAILABLE', `${url} answered ${status}, but not as a catalog does`, {
      retryable: status >= 500,
      hint: 'check that catalog.url is a catalog of ingot, and what stands between',
      context: { url, status },
    })
  }
}

/** The error that the server itself answered with; undefined when something else did (a proxy, another server). */
function toServerError(status: number, text: string): IngotError | undefined {
  let body: unknown
  try {
    body = parseJson(text)
  } catch {
    return undefined
  }
  const error = fieldOf(body, 'error')
  const ingot = fieldOf(error, 'ingot')
  const code = fieldOf(ingot, 'code')
  if (!isErrorCode(code)) return undefined
  const hint = fieldOf(ingot, 'hint')
  const context = fieldOf(ingot, 'context')
  return new IngotError(code, String(fieldOf(error, 'message') ?? `catalog answered ${status}`), {
    retryable: fieldOf(ingot, 'retryable') === true,
    ...(typeof hint === 'string' && { hint }),
    ...(typeof context === 'object' && context !== null && { context: { ...context } }),
  })
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

function isErrorCode(value: unknown): value is ErrorCode {
  return ERROR_CODES.some(code => code === value)
}

/** Nobody listens: the request did not leave this machine's side of the connection. */
function isConnectionRefused(cause: unknown): boolean {
  return fieldOf(fieldOf(cause, 'cause'), 'code') === 'ECONNREFUSED'
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message : String(inner)
}
