import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import { IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'

/**
 * The body of a request as `schema` types it; long integers arrive exactly.
 * @throws REQUEST_INVALID naming the key that is wrong
 */
export async function readJson<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text()
  let body: unknown
  try {
    body = parseJson(text === '' ? '{}' : text)
  } catch (cause) {
    throw new IngotError('REQUEST_INVALID', 'the body of the request is not JSON', { cause })
  }
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

/** A JSON answer in which bigints are bare integers. */
export function sendJson(context: Context, value: unknown, status: ContentfulStatusCode = 200): Response {
  return context.body(stringifyJson(value), status, { 'content-type': 'application/json' })
}
