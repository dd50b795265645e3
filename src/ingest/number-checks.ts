import { DOT, isDigit, MINUS, ZERO } from './text-bytes.ts'

/** Whether the text in [start, end) is a value of one type, exactly. */
export type TextCheck = (bytes: Uint8Array, start: number, end: number) => boolean

/** What scanning a number found: the end of each of its parts, all equal to the end of the part before when it has none. */
interface NumberParts {
  integerEnd: number
  fractionEnd: number
  end: number
}

const parts: NumberParts = { integerEnd: 0, fractionEnd: 0, end: 0 }

/**
 * The end of the number that starts at `start` (RFC 8259, "Numbers"), or -1. Reads at most one byte beyond it, so a
 * byte that no number has must follow.
 */
export function scanNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start
  if (bytes[at] === ZERO) at += 1
  else {
    const first = at
    while (isDigit(bytes[at])) at += 1
    if (at === first) return -1
  }
  parts.integerEnd = at
  if (bytes[at] === DOT) {
    const first = at + 1
    at = first
    while (isDigit(bytes[at])) at += 1
    if (at === first) return -1
  }
  parts.fractionEnd = at
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    at = scanExponent(bytes, at + 1)
    if (at < 0) return -1
  }
  parts.end = at
  return at
}

function scanExponent(bytes: Uint8Array, start: number): number {
  const first = bytes[start] === 0x2b || bytes[start] === MINUS ? start + 1 : start
  let at = first
  while (isDigit(bytes[at])) at += 1
  return at === first ? -1 : at
}

/** Text that is a number and nothing else; JSON's grammar for CSV too, so that `007` or `1,5` is not taken for one. */
function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  return scanNumber(bytes, start) === end
}

/** Integers from `min` to `max`. `25.0` is one, `23.7` and `1e3` are not. */
export function createIntegerCheck(min: bigint, max: bigint): TextCheck {
  const safeDigits = String(max).length - 1
  return (bytes, start, end) => {
    if (!isNumber(bytes, start, end) || parts.fractionEnd !== end) return false
    const { integerEnd } = parts
    for (let at = integerEnd + 1; at < end; at += 1) if (bytes[at] !== ZERO) return false
    if (integerEnd - start <= safeDigits) return integerEnd === end || end - start <= EXACT_DIGITS
    // With a fraction the engine goes through a double, which holds 15 digits.
    if (integerEnd !== end) return false
    const value = BigInt(textOf(bytes, start, end))
    return value >= min && value <= max
  }
}

/** How many significant digits every double holds exactly: the engine reads JSON numbers with a fraction as doubles. */
const EXACT_DIGITS = 15

/** Numbers that stay finite at the type's size; that a double rounds to its nearest value is its meaning. */
export function createFloatCheck(max: number): TextCheck {
  return (bytes, start, end) => {
    if (!isNumber(bytes, start, end)) return false
    if (end - start < 38 && parts.fractionEnd === end) return true
    return Math.abs(Number(textOf(bytes, start, end))) <= max
  }
}

/** Numbers that `decimal(precision, scale)` holds without rounding. */
export function createDecimalCheck(precision: number, scale: number): TextCheck {
  return (bytes, start, end) => {
    if (!isNumber(bytes, start, end)) return false
    const { integerEnd, fractionEnd } = parts
    const exponent = fractionEnd === end ? 0 : Number(textOf(bytes, fractionEnd + 1, end))
    let first: number | undefined
    let last = 0
    for (let at = start; at < fractionEnd; at += 1) {
      const byte = bytes[at]
      if (!isDigit(byte) || byte === ZERO) continue
      first ??= at
      last = at
    }
    if (first === undefined) return true
    const wholeDigits = (first < integerEnd ? integerEnd - first : integerEnd - first + 1) + exponent
    const fractionDigits = (last < integerEnd ? last - integerEnd + 1 : last - integerEnd) - exponent
    return wholeDigits <= precision - scale && fractionDigits <= scale
  }
}

/**
 * Whether the engine could print the number differently from its text: it keeps integers, and prints a number with
 * a fraction from a double.
 */
export function isInexactInDouble(bytes: Uint8Array, start: number, end: number): boolean {
  scanNumber(bytes, start)
  return parts.integerEnd !== end && end - start > EXACT_DIGITS + 1
}

/**
 * The digits that `createDecimalCheck` took, without exponent: the engine reads those before it first, so that `8e-1` is too large for a
 * `decimal(4, 4)`. Undefined when the number has none.
 */
export function withoutExponent(bytes: Uint8Array, start: number, end: number): string | undefined {
  scanNumber(bytes, start)
  const { integerEnd, fractionEnd } = parts
  if (fractionEnd === end) return undefined
  const [sign, first] = bytes[start] === MINUS ? ['-', start + 1] : ['', start]
  const digits = `${textOf(bytes, first, integerEnd)}${textOf(bytes, integerEnd + 1, fractionEnd)}`
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const point = integerEnd - first + Number(textOf(bytes, fractionEnd + 1, end))
  const whole = significant.slice(0, Math.max(0, point)).padEnd(point, '0')
  const fraction = significant.slice(Math.max(0, point))
  return `${sign}${whole.replace(/^0+/, '') || '0'}${fraction && `.${'0'.repeat(Math.max(0, -point))}${fraction}`}`
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
