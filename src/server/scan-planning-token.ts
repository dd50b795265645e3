import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { z } from 'zod'
import { type ErrorCode, IngotError } from '../errors.ts'
import { parseJson, stringifyJson } from '../json.ts'
import type { ScanRange } from '../table/scan-pages.ts'
import { type PinnedScan, pinnedScanSchema } from './scan-planning-request.ts'

/** What a plan, or a part of one, is known by to its client. It says everything: the server keeps nothing. */
export interface ScanToken {
  readonly tableUuid: string
  readonly scan: PinnedScan
  /** Undefined: the whole plan. */
  readonly range?: ScanRange
}

/** As large as the body of a request may be. */
const TOKEN_BYTES_MAX = 32 * 1024 * 1024
const DEPTH_MAX = 400

/** A plan id is a part of a path, which servers and proxies take up to 8 KiB of. */
const PLAN_ID_CHARACTERS_MAX = 4096
/** Begins the id of a plan that is too long to say what was asked for. */
const MUTE = '~'

const place = z.int().min(0)
const tokenSchema = z.tuple([
  z.string(),
  pinnedScanSchema,
  z.object({ from: place, skip: place, to: place }).nullable(),
])

/** A text for `token`, of the characters of base64url. */
export function formatToken({ tableUuid, scan, range }: ScanToken): string {
  const json = stringifyJson([tableUuid, scan, range ?? null])
  return deflateRawSync(Buffer.from(json, 'utf8')).toString('base64url')
}

/** The id of a plan. That of a plan with a very long filter cannot be asked for again. */
export function formatPlanId(token: ScanToken): string {
  const text = formatToken(token)
  if (text.length <= PLAN_ID_CHARACTERS_MAX) return text
  return `${MUTE}${createHash('sha256').update(text).digest('base64url')}`
}

/** Whether `planId` is one of formatPlanId's that says nothing. */
export function isMutePlanId(planId: string): boolean {
  return planId.startsWith(MUTE)
}

/** @throws `code` when the text is none of formatToken's, or is of another table */
export function parseToken(text: string, tableUuid: string, code: ErrorCode): ScanToken {
  const parsed = tokenSchema.safeParse(decode(text))
  if (!parsed.success || parsed.data[0] !== tableUuid) throw unknownToken(text, code)
  const [, scan, range] = parsed.data
  return { tableUuid, scan, ...(range && { range }) }
}

/** The error for a plan or a task that is not there, or no longer. */
export function unknownToken(text: string, code: ErrorCode, cause?: unknown): IngotError {
  const what = code === 'PLAN_TASK_NOT_FOUND' ? 'plan task' : 'plan'
  return new IngotError(code, `the table has no ${what} ${text.slice(0, 100)}`, {
    ...(cause !== undefined && { cause }),
    hint: 'plan the scan again: what it was planned on may have expired',
  })
}

function decode(text: string): unknown {
  try {
    const bytes = inflateRawSync(Buffer.from(text, 'base64url'), { maxOutputLength: TOKEN_BYTES_MAX })
    return parseJson(bytes.toString('utf8'), DEPTH_MAX)
  } catch {
    // No text of ours: the caller says so.
    return undefined
  }
}
