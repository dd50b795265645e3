import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'

/** Which state of the lake a query reads. */
export type QueryPoint =
  | { readonly type: 'now' }
  | { readonly type: 'snapshot'; readonly snapshotId: bigint }
  | { readonly type: 'ref'; readonly ref: string }
  | { readonly type: 'time'; readonly timeMs: number }
  | { readonly type: 'transaction'; readonly transactionId: number }

/** How a point can be written, for errors. */
export const POINT_FORMS =
  'write a time (2026-01-31, 2026-01-31T12:00:00Z), a transaction (transaction:7), a snapshot id (4358109269898224417), or the name of a branch or tag (main)'

/**
 * A point as a person writes it: digits are a snapshot id, `transaction:7` a transaction, what begins with a date is a time
 * (UTC unless it says otherwise), anything else a branch or tag. `option` is what it was given by, for the error.
 * @throws REQUEST_INVALID
 */
export function parseQueryPoint(text: string | undefined, option: string): QueryPoint {
  if (text === undefined) return { type: 'now' }
  if (/^\d+$/.test(text)) return { type: 'snapshot', snapshotId: BigInt(text) }
  if (/^transaction:/i.test(text)) return parseTransaction(text, option)
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return { type: 'ref', ref: text }
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || text.length === 10 ? text : `${text.replace(' ', 'T')}Z`
  const timeMs = Date.parse(zoned)
  if (Number.isFinite(timeMs)) return { type: 'time', timeMs }
  throw new IngotError('REQUEST_INVALID', `${option} ${text} is not a time`, { hint: POINT_FORMS })
}

function parseTransaction(text: string, option: string): QueryPoint {
  const digits = /^transaction:(\d{1,15})$/i.exec(text)?.[1]
  if (digits !== undefined) return { type: 'transaction', transactionId: Number(digits) }
  throw new IngotError('REQUEST_INVALID', `${option} ${text} is not a transaction`, { hint: POINT_FORMS })
}

/**
 * Refuses a point that the lake has not come to yet: what it would read now is not what it will be then.
 * @throws REQUEST_INVALID naming the newest transaction
 */
export async function requireReached(
  { catalog, clock }: { readonly catalog: Catalog; readonly clock: Clock },
  point: QueryPoint,
): Promise<void> {
  if (point.type !== 'time' && point.type !== 'transaction') return
  const nowMs = clock.nowMs()
  if (point.type === 'time' && point.timeMs <= nowMs) return
  const [newest] = await catalog.transactions({ limit: 1 })
  if (point.type === 'transaction' && newest && point.transactionId <= newest.transactionId) return
  const what =
    point.type === 'time'
      ? `${isoTime(point.timeMs)} is yet to come: it is ${isoTime(nowMs)}`
      : `there is no transaction ${point.transactionId} yet`
  const hint = newest
    ? `the newest is transaction:${newest.transactionId} of ${isoTime(newest.committedAtMs)}; ingot history lists them`
    : 'nothing was committed so far: ingot run makes the tables'
  throw new IngotError('REQUEST_INVALID', what, { hint })
}

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()
