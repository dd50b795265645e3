import type { z } from 'zod'
import { IngotError } from '../errors.ts'

/** The body of an answer as `schema` types it. @throws CATALOG_UNAVAILABLE naming the place that is wrong */
export function decode<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.join('.') ?? ''
  throw new IngotError(
    'CATALOG_UNAVAILABLE',
    `the catalog's answer is wrong at ${place}: ${issue?.message}`,
    {
      hint: 'check that catalog.url is a catalog of ingot, of the same version',
    },
  )
}

/** What a client knows of a change whose answer was lost. */
export function stateUnknown(cause: unknown, context: Readonly<Record<string, unknown>>): IngotError {
  return new IngotError(
    'COMMIT_STATE_UNKNOWN',
    `the catalog stopped answering: ${(cause as Error).message}`,
    {
      cause,
      hint: 'ask findCommit with the same idempotency key when the catalog answers again; delete nothing',
      context,
    },
  )
}
