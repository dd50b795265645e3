// JSON with exact integers. Snapshot ids have 63 bits, JSON.parse rounds beyond 2^53, and its reviver does not see the
// source text on Node 20. So long integers are parsed as marked strings, and strings that look marked are escaped first.

/** A string literal (with the colon after it when it is a key), or a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const MARK = '~'
const ESCAPED = '~s'

/**
 * Parses JSON text; an integer that a number cannot hold exactly becomes a bigint.
 * @param depthMax of arrays and objects in one another, for text of others: who reads it recursively runs out of stack
 * @throws SyntaxError
 */
export function parseJson(text: string, depthMax = Infinity): unknown {
  if (depthMax !== Infinity) requireDepth(text, depthMax)
  if (!/\d{16}/.test(text)) return JSON.parse(text)
  return JSON.parse(text.replace(TOKEN, markToken), (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? unmark(value) : value,
  )
}

/** A string literal, or a bracket. */
const BRACKET = /"[^"\\]*(?:\\.[^"\\]*)*"|[[{\]}]/g

function requireDepth(text: string, depthMax: number): void {
  let depth = 0
  for (const [token] of text.matchAll(BRACKET)) {
    if (token === '[' || token === '{') depth += 1
    else if (token === ']' || token === '}') depth -= 1
    if (depth > depthMax) throw new SyntaxError(`it is nested more than ${depthMax} levels deep`)
  }
}

function markToken(token: string): string {
  if (token.startsWith('"')) {
    // An escape may spell the mark, too: `"~…"`.
    const mayLookMarked = token.startsWith(MARK, 1) || token.startsWith('\\', 1)
    return mayLookMarked && !token.endsWith(':') ? `"${ESCAPED}${token.slice(1)}` : token
  }
  const isLongInteger = token.length >= 16 && /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))
  return isLongInteger ? `"${MARK}${token}"` : token
}

function unmark(value: string): string | bigint {
  return value.startsWith(ESCAPED) ? value.slice(ESCAPED.length) : BigInt(value.slice(MARK.length))
}

/** Prints a value as JSON, a bigint as a bare integer; `indent` is the number of spaces a level. @default 0: one line */
export function stringifyJson(value: unknown, indent = 0): string {
  return print(value, indent, '') ?? 'null'
}

function print(value: unknown, indent: number, margin: string): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
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
