import { parseTime, parseTimestamp } from '../engine/temporal-text.ts'
import { isPrimitive, type PrimitiveType, type Type } from '../format/types.ts'
import { withoutExponent } from './number-checks.ts'
import { createPrimitiveCheck } from './text-checks.ts'

/** The keys of a map as the names of a JSON object. */
export interface MapKeys {
  /** Whether a name is a key; all are where keys are text. */
  isKey(bytes: Uint8Array, start: number, end: number): boolean
  /** The same for names that are the same key, `1` and `1.0`. */
  identity(name: string): string
}

/** What names are keys of the type, and which of them are the same one: a map has each once. */
export function createMapKeys(type: Type): MapKeys {
  if (!isPrimitive(type) || type === 'string') return { isKey: () => true, identity: name => name }
  const { check } = createPrimitiveCheck(type)
  const identity = IDENTITIES[type] ?? (name => name)
  if (!type.startsWith('decimal(')) return { isKey: check, identity }
  return {
    // A key is no value, of which the digits could be written without exponent.
    isKey: (bytes, start, end) =>
      check(bytes, start, end) && withoutExponent(bytes, start, end) === undefined,
    identity: withoutLastZeros,
  }
}

const IDENTITIES: Readonly<Partial<Record<PrimitiveType, (name: string) => string>>> = {
  int: withoutLastZeros,
  long: withoutLastZeros,
  float: name => String(Math.fround(Number(name))),
  double: name => String(Number(name)),
  uuid: name => name.toLowerCase(),
  time: name => String(parseTime(withoutLastZeros(name))),
  timestamp: momentOf,
  timestamptz: momentOf,
  binary: name => Buffer.from(name, 'base64').toString('hex'),
}

function withoutLastZeros(name: string): string {
  return name
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
    .replace(/^-0$/, '0')
}

function momentOf(name: string): string {
  const text = name.length === DAY_LENGTH ? `${name} 00:00:00` : name
  // More than six decimals are zeros.
  return String(parseTimestamp(text.replace(/(\.\d{6})0+/, '$1')))
}

const DAY_LENGTH = '2024-01-01'.length
