import type { EngineColumn, EngineValue } from '../table/engine.ts'

export interface TextTableOptions {
  /** Longer cells are cut with an ellipsis. @default 60 */
  readonly cellWidthMax?: number
}

const DECIMALS_MAX = 3

/**
 * Rows as people read them: aligned columns, numbers to the right with thousands separators, one header line, one rule.
 * Doubles are shown with at most three decimals (json, csv and parquet output keep every digit); null is a middle dot.
 */
export function formatTable(
  columns: readonly EngineColumn[],
  rows: readonly (readonly EngineValue[])[],
  options: TextTableOptions = {},
): string {
  const cellWidthMax = options.cellWidthMax ?? 60
  const numeric = columns.map(column => isNumericType(column.type))
  const decimals = columns.map((column, index) => columnDecimals(column.type, rows, index))
  const cells = rows.map(row =>
    row.map((value, index) => shorten(formatCell(value, decimals[index] ?? 0), cellWidthMax)),
  )
  const header = columns.map(column => shorten(visible(column.name), cellWidthMax))
  const widths = header.map((name, index) =>
    Math.max(displayWidth(name), ...cells.map(row => displayWidth(row[index] ?? ''))),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => pad(cell, widths[index] ?? 0, numeric[index] ? 'right' : 'left'))
      .join('  ')
      .trimEnd()
  return [line(header), widths.map(width => '─'.repeat(width)).join('  '), ...cells.map(line)].join('\n')
}

/** `1234567` as `1,234,567`, with no more decimals than asked for. */
export function formatNumber(value: number | bigint, decimals = 0): string {
  if (typeof value === 'bigint') return separateThousands(value.toString())
  if (!Number.isFinite(value)) return String(value)
  return separateThousands(value.toFixed(decimals))
}

/** `1 row`, `1,234 rows`: how many there are of something whose plural ends in s; the digits to the right of a width. */
export function formatCount(count: number | bigint, noun: string, digitsWidth = 0): string {
  return `${formatNumber(count).padStart(digitsWidth)} ${noun}${Number(count) === 1 ? '' : 's'}`
}

/** Bytes in the largest binary unit that keeps the number at 1 or above. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${formatNumber(value, unit === 0 ? 0 : 1)} ${units[unit]}`
}

function formatCell(value: EngineValue, decimals: number): string {
  if (value === null) return '·'
  if (typeof value === 'number') return formatNumber(value, decimals)
  if (typeof value === 'bigint') return formatNumber(value)
  if (typeof value === 'string') return visible(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return visible(JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? part.toString() : part)))
}

const isNumericType = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/.test(type)

function columnDecimals(type: string, rows: readonly (readonly EngineValue[])[], index: number): number {
  if (!/^(FLOAT|DOUBLE)$/.test(type)) return 0
  const longest = rows.map(row => {
    const value = row[index]
    if (typeof value !== 'number' || !Number.isFinite(value)) return 0
    return Number(value.toFixed(DECIMALS_MAX)).toString().split('.')[1]?.length ?? 0
  })
  return Math.max(0, ...longest)
}

const separateThousands = (digits: string): string => {
  const [whole = '', fraction] = digits.split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** Control characters would move the cursor, or worse: shown as escapes. */
export const visible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, escapeControl)

/** `\n` and its like as JSON writes them; JSON leaves those from U+007F to U+009F, of which one begins escapes too. */
const escapeControl = (character: string): string =>
  character < ' '
    ? JSON.stringify(character).slice(1, -1)
    : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Terminal columns: wide East Asian characters and emoji take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return width
}

function shorten(text: string, widthMax: number): string {
  if (displayWidth(text) <= widthMax) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += displayWidth(character)
    if (width > widthMax - 1) break
    kept += character
  }
  return `${kept}…`
}

function pad(text: string, width: number, side: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return side === 'right' ? space + text : text + space
}
