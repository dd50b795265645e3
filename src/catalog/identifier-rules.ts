import { IngotError } from '../errors.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** Long enough for any name that a person or a program gives, short enough for every store and URL. */
const NAME_CHARACTERS_MAX = 512
const LEVELS_MAX = 16

// The REST protocol joins namespace levels by U+001F, stores hold UTF-8, and people read the names.
const FORBIDDEN_CHARACTERS = /[\p{Cc}\p{Surrogate}]/u

/** Accepts a table's identifier or refuses it. @throws REQUEST_INVALID */
export function checkIdentifier(identifier: TableIdentifier): void {
  checkNamespace(identifier.namespace)
  checkName(identifier.name, 'table name')
}

/** Accepts a namespace or refuses it: quotes, dots, spaces and any script are fine. @throws REQUEST_INVALID */
export function checkNamespace(namespace: readonly string[]): void {
  if (namespace.length === 0 || namespace.length > LEVELS_MAX) {
    throw new IngotError(
      'REQUEST_INVALID',
      `a namespace has 1 to ${LEVELS_MAX} levels, not ${namespace.length}`,
    )
  }
  for (const level of namespace) checkName(level, 'namespace level')
}

function checkName(name: string, what: string): void {
  const reason = objectionTo(name)
  if (reason === undefined) return
  throw new IngotError('REQUEST_INVALID', `${what} ${JSON.stringify(name.slice(0, 100))} ${reason}`, {
    hint: 'choose another name',
  })
}

function objectionTo(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.length > NAME_CHARACTERS_MAX) return `is longer than ${NAME_CHARACTERS_MAX} characters`
  // Neither can be part of a URL's path, however it is escaped (WHATWG URL, "double-dot path segment").
  if (name === '.' || name === '..') return 'cannot be addressed over HTTP'
  if (FORBIDDEN_CHARACTERS.test(name)) return 'contains control characters or half a character'
  return undefined
}
