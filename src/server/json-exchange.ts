import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import { IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'

/** The metadata of a table with thousands of snapshots is a few megabytes. */
const BODY_BYTES_MAX = 32 * 1024 * 1024

/** A struct in a struct takes four levels of JSON. */
const DEPTH_MAX = 400

/**
 * The body of a request as `schema` types it; long integers arrive exactly.
 * @throws REQUEST_INVALID naming the key that is wrong, or when the body is longer than 32 MiB
 */
export async function readJson<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(context)
  let body: unknown
  try {
    body = parseJson(text === '' ? '{}' : text, DEPTH_MAX)
  } catch (cause) {
    const reason = (cause as Error).message.slice(0, 200)
    throw new IngotError('REQUEST_INVALID', `the body of the request is not JSON: ${reason}`, { cause })
  }
  // An escape may spell it, too.
  if (text.includes('__proto__') || text.includes('\\u')) requirePlainNames(body, [])
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.join('.') || 'the body'
  throw new IngotError(
    'REQUEST_INVALID',
    `request is not valid at ${place}: ${issue?.message ?? 'unknown'}`,
    {
      hint: 'see the Iceberg REST specification for what the body holds',
      context: { path: issue?.path ?? [] },
    },
  )
}

/** Names that an object of this program cannot have: they would be lost in silence. */
function requirePlainNames(value: unknown, path: readonly string[]): void {
  if (value === null || typeof value !== 'object') return
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__') {
      throw new IngotError(
        'REQUEST_INVALID',
        `request is not valid at ${[...path, name].join('.')}: __proto__ is no name`,
        {
          hint: 'use another name',
          context: { path: [...path, name] },
        },
      )
    }
    requirePlainNames(member, [...path, name])
  }
}

/** Counts while it reads: the length that a client claims may be missing or wrong. */
async function readText(context: Context): Promise<string> {
  const { body } = context.req.raw
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > BODY_BYTES_MAX) {
      throw new IngotError('REQUEST_INVALID', `the body of the request has more than ${BODY_BYTES_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A JSON answer in which bigints are bare integers. */
export function sendJson(context: Context, value: unknown, status: ContentfulStatusCode = 200): Response {
  return context.body(stringifyJson(value), status, { 'content-type': 'application/json' })
}
