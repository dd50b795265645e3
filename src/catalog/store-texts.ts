import { IngotError } from '../errors.ts'
import type { StoreTransaction } from './store.ts'

// PostgreSQL's text holds no NUL, and UTF-8 no half of a surrogate pair: it would come back as another character.
const NOT_STORABLE = /[\0\p{Surrogate}]/u

/**
 * Refuses a transaction whose texts no database gives back as they are. Levels of namespaces, properties and notes are
 * kept as JSON, which escapes what is not storable.
 * @throws REQUEST_INVALID
 */
export function checkStoreTransaction(request: StoreTransaction): void {
  for (const { idempotencyKey } of [request, ...(request.members ?? [])]) {
    checkStoredText('idempotency key', idempotencyKey)
  }
  for (const { identifier, next } of request.pointers) {
    checkStoredText('table name', identifier.name)
    if (next !== null) checkStoredText('metadata location', next)
  }
}

/** Refuses a text that no database gives back as it is. @throws REQUEST_INVALID */
export function checkStoredText(what: string, text: string): void {
  if (!NOT_STORABLE.test(text)) return
  throw new IngotError(
    'REQUEST_INVALID',
    `${what} ${JSON.stringify(text.slice(0, 100))} contains a NUL or half a character`,
    { hint: 'choose another one' },
  )
}
