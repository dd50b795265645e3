import { isPrimitive, type PrimitiveType, type Type } from '../format/types.ts'
import type { Field } from './field-shapes.ts'

// Patterns are for text whose characters are the bytes of the line (latin1), so what is beyond ASCII needs no care here: whether
// it is UTF-8 is checked for many lines at once.

const STRING = String.raw`"[^"\\\x00-\x1f]*"`
const DATE = String.raw`[12]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)`
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`
const OFFSET = String.raw`(?:Z|[-+](?:0\d|1[0-5])(?::[0-5]\d)?)?`
// Without exponents, and shorter than the checks take a closer look at.
const FLOAT = String.raw`-?(?:0|[1-9]\d{0,14})(?:\.\d{1,17})?`

/** For each type, values that are certainly of it and that the engine reads as they are. 29 February is left to the checker. */
const VALUES: Readonly<Record<string, string>> = {
  string: STRING,
  boolean: 'true|false',
  int: String.raw`0|-?[1-9]\d{0,8}`,
  long: String.raw`0|-?[1-9]\d{0,16}`,
  float: FLOAT,
  double: FLOAT,
  date: `"${DATE}"`,
  time: `"${TIME}"`,
  timestamp: `"${DATE}(?:[T ]${TIME}Z?)?"`,
  timestamptz: `"${DATE}(?:[T ]${TIME}${OFFSET})?"`,
  uuid: '"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"',
}

/** Of these, a number with a fraction reaches the engine's decimal through a double unharmed. */
const NUMBER_CHARACTERS_MAX = 15

function decimalPattern(type: PrimitiveType): string {
  const [precision = 0, scale = 0] = (type.match(/\d+/g) ?? []).map(Number)
  const wholeDigits = precision - scale
  const whole = wholeDigits === 0 ? '0' : String.raw`(?:0|[1-9]\d{0,${wholeDigits - 1}})`
  const number = scale === 0 ? `-?${whole}` : String.raw`-?${whole}(?:\.\d{1,${scale}})?`
  return String.raw`(?![-.\d]{${NUMBER_CHARACTERS_MAX + 1}}|-0(?!\.))${number}|"${number}"`
}

function valuePattern(type: Type): string | undefined {
  if (!isPrimitive(type)) return undefined
  return type.startsWith('decimal(') ? decimalPattern(type) : VALUES[type]
}

/** The name as a line has it; undefined when JSON has to escape it. */
function keyPattern(name: string): string | undefined {
  const json = JSON.stringify(name)
  if (json !== `"${name}"`) return undefined
  return Buffer.from(json, 'utf8')
    .toString('latin1')
    .replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

/** A field of a line, in its place. */
export interface PatternField {
  readonly field: Field
  /** Whether lines may have null in it. */
  readonly isNullable: boolean
}

/**
 * A pattern of whole lines that have exactly these fields in this order, each with a value that its column holds: JsonChecker
 * would take every one of them unchanged. Null in a nullable field is a group of its own, in order. Sticky.
 * @returns undefined when there is no pattern for a column's type or name
 */
export function linePattern(fields: readonly PatternField[]): RegExp | undefined {
  const parts: string[] = []
  for (const { field, isNullable } of fields) {
    const key = keyPattern(field.name)
    const value = field.type && valuePattern(field.type)
    if (key === undefined || value === undefined) return undefined
    parts.push(`${key}: ?(?:${value}${isNullable ? '|(null)' : ''})`)
  }
  return new RegExp(String.raw`\{${parts.join(', ?')}\}\r?\n`, 'y')
}
