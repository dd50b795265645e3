import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { IngotError } from '../errors.ts'

/** How long a page is when the client does not say, and at most. */
const PAGE_SIZE_DEFAULT = 1000
const PAGE_SIZE_MAX = 10_000

/** A part of a listing (REST spec, PageToken). */
export interface ListingPage<T> {
  readonly items: readonly T[]
  /** Null: there is no more. */
  readonly 'next-page-token': string | null
}

/**
 * The part of a listing that the query asks for; all of it when there is no `pageToken`, as the spec says. Pages follow
 * the order of the keys, so that what stays is listed once, whatever is added or dropped between two pages.
 * @param items sorted by `keyOf`, whose keys are unique
 * @param listing what is listed: a token of one listing is refused by another
 * @throws REQUEST_INVALID when pageToken or pageSize is none
 */
export function pageOf<T>(
  context: Context,
  items: readonly T[],
  keyOf: (item: T) => string,
  listing: readonly unknown[],
): ListingPage<T> {
  const token = context.req.query('pageToken')
  const sizeText = context.req.query('pageSize')
  const size = sizeText === undefined ? PAGE_SIZE_DEFAULT : parsePageSize(sizeText)
  if (token === undefined) return { items, 'next-page-token': null }
  const digest = digestOf(listing)
  const after = token === '' ? undefined : parseToken(token, digest)
  const rest = after === undefined ? items : items.filter(item => keyOf(item) > after)
  const page = rest.slice(0, size)
  const last = page.at(-1)
  const hasMore = last !== undefined && rest.length > page.length
  return { items: page, 'next-page-token': hasMore ? toToken(digest, keyOf(last)) : null }
}

function parsePageSize(text: string): number {
  const size = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (size > 0) return Math.min(size, PAGE_SIZE_MAX)
  throw new IngotError('REQUEST_INVALID', `pageSize is a whole number from 1, not ${text.slice(0, 100)}`)
}

function toToken(digest: string, after: string): string {
  return Buffer.from(JSON.stringify([digest, after])).toString('base64url')
}

function parseToken(token: string, digest: string): string {
  const [ofListing, after] = decodeToken(token)
  if (typeof after === 'string' && ofListing === digest) return after
  throw new IngotError('REQUEST_INVALID', `pageToken ${token.slice(0, 100)} is none of this listing`, {
    hint: 'begin with an empty pageToken, then send the next-page-token of the page before',
  })
}

function decodeToken(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

function digestOf(listing: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(listing)).digest('hex').slice(0, 16)
}
