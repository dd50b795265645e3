import type { Context } from 'hono'
import type { CommitOptions, MutationOptions } from '../catalog/catalog.ts'
import { IngotError } from '../errors.ts'
import { type Random, randomUuid } from '../random.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** REST spec: the levels of a namespace in a path are joined by the unit separator, `%1F`. */
const LEVEL_SEPARATOR = '\u001f'

/** The namespace that the path names. */
export function namespaceOf(context: Context): readonly string[] {
  return parseLevels(context.req.param('namespace') ?? '')
}

/** The table that the path names. */
export function identifierOf(context: Context): TableIdentifier {
  return { namespace: namespaceOf(context), name: context.req.param('table') ?? '' }
}

/** The view that the path names. */
export function viewIdentifierOf(context: Context): TableIdentifier {
  return { namespace: namespaceOf(context), name: context.req.param('view') ?? '' }
}

/** Levels as one text of a path or query. */
export function parseLevels(text: string): readonly string[] {
  return text.split(LEVEL_SEPARATOR)
}

/** What the `Idempotency-Key` header of a change says. */
export function mutationOptionsOf(context: Context): MutationOptions {
  const idempotencyKey = context.req.header('idempotency-key')
  return idempotencyKey === undefined ? {} : { idempotencyKey }
}

/** The same for a commit, which always has a key. */
export function commitOptionsOf(context: Context, random: Random): CommitOptions {
  return { idempotencyKey: randomUuid(random), ...mutationOptionsOf(context) }
}

/** An integer from 0 in the query, or undefined. @throws REQUEST_INVALID */
export function integerQueryOf(context: Context, name: string): number | undefined {
  const text = context.req.query(name)
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new IngotError('REQUEST_INVALID', `query parameter ${name} is no whole number: ${text.slice(0, 100)}`)
}
