// JSON with exact integers. Snapshot ids have 63 bits, JSON.parse rounds beyond 2^53, and its reviver does not see the
// source text on Node 20. So long integers are parsed as marked strings, and strings that look marked are escaped first.

const MARK = '~'
const ESCAPED = '~s'
/** Of digits, sign included: shorter integers are safe. */
const LONG_DIGITS = 16

/**
 * Parses JSON text; an integer that a number cannot hold exactly becomes a bigint.
 * @param depthMax of arrays and objects in one another, for text of others: who reads it recursively runs out of stack
 * @throws SyntaxError
 */
export function parseJson(text: string, depthMax = Infinity): unknown {
  const hasLongDigits = /\d{16}/.test(text)
  if (!hasLongDigits && depthMax === Infinity) return JSON.parse(text)
  const marked = markText(text, depthMax)
  return hasLongDigits ? unmarkIn(JSON.parse(marked)) : JSON.parse(text)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]
const [MINUS, DIGIT_0, DIGIT_9] = [0x2d, 0x30, 0x39]

/** The text with marks; metadata of a table with a long history is a megabyte, so that it is one pass over its characters. */
function markText(text: string, depthMax: number): string {
  let marked = ''
  let copied = 0
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (mustEscape(text, at, end)) {
        marked += `${text.slice(copied, at)}"${ESCAPED}`
        copied = at + 1
      }
      at = end
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1
      if (depth > depthMax) throw new SyntaxError(`it is nested more than ${depthMax} levels deep`)
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(text, at)
      // A number in the place of a key is no JSON, and is to stay none.
      const isLong = end - at >= LONG_DIGITS && isLongInteger(text.slice(at, end)) && !isKey(text, end)
      if (isLong) {
        marked += `${text.slice(copied, at)}"${MARK}${text.slice(at, end)}"`
        copied = end
      }
      at = end - 1
    }
  }
  return marked + text.slice(copied)
}

/** The index of the quote that ends the string which begins at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end === -1 ? text.length : end
}

function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from -= 1
  return (at - from) % 2 === 1
}

/** After a key. */
const COLON = /\s*:/y

/** Whether a string is a value that looks marked, as it may when it begins with an escape: `"\u007e…"`. */
function mustEscape(text: string, start: number, end: number): boolean {
  const mayLookMarked = text[start + 1] === MARK || text.charCodeAt(start + 1) === BACKSLASH
  return mayLookMarked && !isKey(text, end + 1)
}

/** Whether what ends before `end` is the key of a member. */
function isKey(text: string, end: number): boolean {
  COLON.lastIndex = end
  return COLON.test(text)
}

const NUMBER_CHARACTERS = /[\d.eE+-]+/y

function endOfNumber(text: string, start: number): number {
  NUMBER_CHARACTERS.lastIndex = start
  NUMBER_CHARACTERS.test(text)
  return NUMBER_CHARACTERS.lastIndex
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9
}

function isLongInteger(token: string): boolean {
  return /^-?(?:0|[1-9]\d*)$/.test(token) && !Number.isSafeInteger(Number(token))
}

/** The value with marked strings replaced, in place. */
function unmarkIn(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? unmark(value) : value
  if (value === null || typeof value !== 'object') return value
  const members = value as Record<string, unknown>
  for (const key of Object.keys(members)) {
    const member = members[key]
    const unmarked = unmarkIn(member)
    if (unmarked !== member) members[key] = unmarked
  }
  return value
}

function unmark(value: string): string | bigint {
  return value.startsWith(ESCAPED) ? value.slice(ESCAPED.length) : BigInt(value.slice(MARK.length))
}

/** A number that is printed with a point, 1 as 1.0: for readers that tell whole numbers from others by it. */
export class FloatingNumber {
  readonly value: number

  /** @param value finite */
  constructor(value: number) {
    this.value = value
  }

  toString(): string {
    const text = Object.is(this.value, -0) ? '-0' : String(this.value)
    return /[.e]/.test(text) ? text : `${text}.0`
  }
}

/** Prints a value as JSON, a bigint as a bare integer; `indent` is the number of spaces a level. @default 0: one line */
export function stringifyJson(value: unknown, indent = 0): string {
  return print(value, indent, '') ?? 'null'
}

function print(value: unknown, indent: number, margin: string): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof FloatingNumber) return value.toString()
  const inner = margin + ' '.repeat(indent)
  if (Array.isArray(value)) {
    const items = value.map(item => print(item, indent, inner) ?? 'null')
    return enclose('[', items, ']', indent, margin)
  }
  const colon = indent > 0 ? ': ' : ':'
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    const printed = print(member, indent, inner)
    if (printed !== undefined) members.push(`${JSON.stringify(key)}${colon}${printed}`)
  }
  return enclose('{', members, '}', indent, margin)
}

function enclose(
  open: string,
  parts: readonly string[],
  close: string,
  indent: number,
  margin: string,
): string {
  if (parts.length === 0) return open + close
  if (indent === 0) return open + parts.join(',') + close
  const inner = `\n${margin}${' '.repeat(indent)}`
  return `${open}${inner}${parts.join(`,${inner}`)}\n${margin}${close}`
}
