import { createHash } from 'node:crypto'
import { IngotError } from '../errors.ts'
import { type Random, randomUuid } from '../random.ts'
import type { TransactionRecord } from './catalog.ts'
import type { KeyRecord } from './store.ts'

/** A request that may come twice: the key it comes under, and what it asks for. */
export interface KeyedRequest {
  readonly idempotencyKey: string
  readonly requestHash: string
}

const KEY_CHARACTERS_MAX = 256

/** A request under the caller's key, or one of its own. @throws REQUEST_INVALID when the key is empty or too long */
export function keyedRequest(
  operation: string,
  request: unknown,
  idempotencyKey: string | undefined,
  random: Random,
): KeyedRequest {
  const key = idempotencyKey ?? randomUuid(random)
  if (key === '' || key.length > KEY_CHARACTERS_MAX) {
    throw new IngotError('REQUEST_INVALID', `an idempotency key has 1 to ${KEY_CHARACTERS_MAX} characters`)
  }
  const requestHash = createHash('sha256')
    .update(canonicalJson([operation, request]))
    .digest('hex')
  return { idempotencyKey: key, requestHash }
}

/**
 * The transaction that this very request did before; undefined when it set no pointer.
 * @throws IDEMPOTENCY_MISMATCH when the key was another request's; COMMIT_CONFLICT when it was given up
 */
export function replayOf(record: KeyRecord, request: KeyedRequest): TransactionRecord | undefined {
  const context = { idempotencyKey: request.idempotencyKey }
  if (record.type === 'given-up') {
    throw new IngotError('COMMIT_CONFLICT', `idempotency key ${request.idempotencyKey} was given up`, {
      hint: 'somebody asked findCommit and was told that nothing was applied; commit again under a new key',
      context,
    })
  }
  if (record.requestHash !== request.requestHash) {
    throw new IngotError(
      'IDEMPOTENCY_MISMATCH',
      `idempotency key ${request.idempotencyKey} was used for another request`,
      { hint: 'use a new key for every request that is not a repetition', context },
    )
  }
  return record.transaction
}

/** JSON that is equal for equal values, whatever the order of their keys. */
function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`)
  return `{${fields.join(',')}}`
}
