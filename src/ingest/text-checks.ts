import { IngotError } from '../errors.ts'
import type { PrimitiveType } from '../format/types.ts'
import { createDecimalCheck, createFloatCheck, createIntegerCheck, type TextCheck } from './number-checks.ts'
import { COLON, DOT, isDigit, MINUS, SPACE, ZERO } from './text-bytes.ts'

const FLOAT_MAX = 3.4028234663852886e38

/** How a primitive type is written: which JSON token holds it, and what its text must be. */
export interface PrimitiveCheck {
  /** `any number`: a number or a text that holds one. */
  readonly token: 'string' | 'number' | 'boolean' | 'number or string'
  readonly check: TextCheck
}

/**
 * The strict reading of each type: nothing is rounded, cut or guessed. Dates and times are ISO 8601 with seconds
 * (`2026-01-31T10:00:00.123456Z`, a blank for the T); a timestamp without zone takes no offset but UTC's, one with zone takes a text
 * without offset as UTC; binary is base64.
 */
export function createPrimitiveCheck(type: PrimitiveType): PrimitiveCheck {
  const simple = CHECKS[type]
  if (simple !== undefined) return simple
  const [first = 0, second = 0] = (type.match(/\d+/g) ?? []).map(Number)
  if (type.startsWith('decimal('))
    return { token: 'number or string', check: createDecimalCheck(first, second) }
  if (type.startsWith('fixed[')) {
    return { token: 'string', check: (b, start, end) => base64Bytes(b, start, end) === first }
  }
  throw new IngotError('UNSUPPORTED', `files cannot be read into a column of type ${type}`, {
    context: { type },
  })
}

const CHECKS: Readonly<Record<string, PrimitiveCheck>> = {
  string: { token: 'string', check: () => true },
  boolean: { token: 'boolean', check: isBoolean },
  int: { token: 'number', check: createIntegerCheck(-(2n ** 31n), 2n ** 31n - 1n) },
  long: { token: 'number', check: createIntegerCheck(-(2n ** 63n), 2n ** 63n - 1n) },
  float: { token: 'number', check: createFloatCheck(FLOAT_MAX) },
  double: { token: 'number', check: createFloatCheck(Number.MAX_VALUE) },
  date: { token: 'string', check: (bytes, start, end) => end - start === 10 && isDate(bytes, start) },
  time: { token: 'string', check: (bytes, start, end) => timeEnd(bytes, start, end) === end },
  timestamp: { token: 'string', check: (bytes, start, end) => isTimestamp(bytes, start, end, false) },
  timestamptz: { token: 'string', check: (bytes, start, end) => isTimestamp(bytes, start, end, true) },
  uuid: { token: 'string', check: isUuid },
  binary: { token: 'string', check: (bytes, start, end) => base64Bytes(bytes, start, end) >= 0 },
}

function isBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
  return text === 'true' || text === 'false'
}

/** The value of two digits, or -1. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] ?? 0) - ZERO
  const low = (bytes[at + 1] ?? 0) - ZERO
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1
}

function isDate(bytes: Uint8Array, at: number): boolean {
  const century = twoDigits(bytes, at)
  const yearOfCentury = twoDigits(bytes, at + 2)
  const month = twoDigits(bytes, at + 5)
  const day = twoDigits(bytes, at + 8)
  if (century < 0 || yearOfCentury < 0 || bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return false
  return month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth(century * 100 + yearOfCentury, month)
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** The end of `HH:MM:SS[.ffffff]` within [start, end), or -1. Digits beyond the microsecond may only be zeros. */
function timeEnd(bytes: Uint8Array, start: number, end: number): number {
  const hour = twoDigits(bytes, start)
  const minute = twoDigits(bytes, start + 3)
  const second = twoDigits(bytes, start + 6)
  if (end - start < 8 || bytes[start + 2] !== COLON || bytes[start + 5] !== COLON) return -1
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1
  if (start + 8 === end || bytes[start + 8] !== DOT) return start + 8
  const first = start + 9
  let at = first
  while (at < end && isDigit(bytes[at])) {
    if (at - first >= 6 && bytes[at] !== ZERO) return -1
    at += 1
  }
  return at === first ? -1 : at
}

function isTimestamp(bytes: Uint8Array, start: number, end: number, anyOffset: boolean): boolean {
  if (end - start < 10 || !isDate(bytes, start)) return false
  if (end - start === 10) return true
  if (bytes[start + 10] !== 0x54 && bytes[start + 10] !== SPACE) return false
  const at = timeEnd(bytes, start + 11, end)
  if (at < 0) return false
  return at === end || isOffset(bytes, at, end, anyOffset)
}

/** `Z`, `±HH` or `±HH:MM`. */
function isOffset(bytes: Uint8Array, at: number, end: number, anyOffset: boolean): boolean {
  if (bytes[at] === 0x5a) return at + 1 === end
  if (bytes[at] !== 0x2b && bytes[at] !== MINUS) return false
  const hours = twoDigits(bytes, at + 1)
  const minutes = end - at === 3 ? 0 : twoDigits(bytes, at + 4)
  if (end - at !== 3 && (end - at !== 6 || bytes[at + 3] !== COLON)) return false
  if (hours < 0 || minutes < 0 || hours > 15 || minutes > 59) return false
  return anyOffset || (hours === 0 && minutes === 0)
}

function isUuid(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 36) return false
  for (let index = 0; index < 36; index += 1) {
    const byte = bytes[start + index] ?? 0
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (byte !== MINUS) return false
    } else if (!isDigit(byte) && !((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)) return false
  }
  return true
}

/** How many bytes the base64 text holds (RFC 4648, section 4, padded), or -1 when it is none. */
function base64Bytes(bytes: Uint8Array, start: number, end: number): number {
  if ((end - start) % 4 !== 0) return -1
  let padding = 0
  while (padding < 2 && end - padding > start && bytes[end - padding - 1] === 0x3d) padding += 1
  for (let at = start; at < end - padding; at += 1) {
    const byte = bytes[at] ?? 0
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a && byte >= 0x41
    if (!isLetter && !isDigit(byte) && byte !== 0x2b && byte !== 0x2f) return -1
  }
  return ((end - start) / 4) * 3 - padding
}
