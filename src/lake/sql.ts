import { IngotError } from '../errors.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { captureCallSite } from './call-site.ts'
import {
  isDeclaration,
  type SqlFragment,
  type SqlLiteral,
  type SqlValue,
  type TableDeclaration,
} from './declaration.ts'

const fragments = new WeakSet<object>()

/** Whether `value` was made by the `sql` tag. */
export function isSqlFragment(value: unknown): value is SqlFragment {
  return typeof value === 'object' && value !== null && fragments.has(value)
}

/**
 * SQL in the engine's dialect. An interpolated table becomes its quoted name (and a dependency), a fragment its
 * text, anything else a literal; an array becomes a list in parentheses for `in`. Backslashes are kept as they are written.
 * @throws DECLARATION_INVALID for a value of any other kind, `undefined` above all
 */
export function sql(template: TemplateStringsArray, ...values: readonly SqlValue[]): SqlFragment {
  const site = captureCallSite(sql)
  values.forEach((value, index) => {
    const fault = faultOf(value)
    if (!fault) return
    const after = template.raw[index]?.trimEnd().split('\n').at(-1)?.trim() ?? ''
    const place = after === '' ? '' : ` after "${after}"`
    throw new IngotError('DECLARATION_INVALID', `the interpolation${place} ${fault.cause}`, {
      hint: fault.fix,
      context: { site },
    })
  })
  const fragment = Object.freeze({
    chunks: Object.freeze([...template.raw]),
    values: Object.freeze(values),
    site,
  })
  fragments.add(fragment)
  return fragment
}

function faultOf(value: unknown): { readonly cause: string; readonly fix: string } | undefined {
  if (isSqlFragment(value) || isDeclaration(value)) return undefined
  if (value === undefined) {
    return {
      cause: 'is undefined',
      fix: 'declare the table before it is used; files that import each other in a circle do not see each other in time',
    }
  }
  if (Array.isArray(value)) return faultOfArray(value)
  if (value instanceof Date && Number.isNaN(value.getTime()))
    return { cause: 'is a Date without a time', fix: 'check how the Date is made' }
  if (isLiteral(value)) return undefined
  return {
    cause: `is ${kindOf(value)}`,
    fix: 'interpolate a table, an sql fragment, or a literal: string, number, boolean, bigint, Date, null, or an array of them',
  }
}

function faultOfArray(
  values: readonly unknown[],
): { readonly cause: string; readonly fix: string } | undefined {
  if (values.length === 0)
    return {
      cause: 'is an empty array',
      fix: 'SQL has no empty list: leave the condition out, or write false',
    }
  const stranger = values.find(value => !isLiteral(value))
  return values.every(isLiteral)
    ? undefined
    : {
        cause: `is an array that holds ${kindOf(stranger)}`,
        fix: 'an array may hold strings, numbers, booleans, bigints, Dates and null',
      }
}

const kindOf = (value: unknown): string =>
  typeof value === 'function'
    ? 'a function'
    : typeof value === 'object'
      ? 'an object'
      : `of type ${typeof value}`

function isLiteral(value: unknown): value is SqlLiteral {
  if (value === null || value instanceof Date) return true
  return ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
}

/** A stretch of rendered text and the chunk that it came from. */
interface Piece {
  readonly start: number
  readonly fragment: SqlFragment
  readonly chunk: number
  /** Whether the text is the chunk's own; otherwise it stands for the value that follows the chunk. */
  readonly verbatim: boolean
}

/** A place in a fragment: an offset into one of its chunks. */
export interface SqlPlace {
  readonly fragment: SqlFragment
  readonly chunk: number
  readonly offset: number
}

/** A fragment as one SQL text, with the way back from each character to where it was written. */
export interface RenderedSql {
  readonly text: string
  /** Interpolated tables in the order of mention, with the place of each. */
  readonly references: readonly { readonly table: TableDeclaration; readonly place: SqlPlace }[]
  /** Where the UTF-8 byte at `byteOffset` of `text` was written. */
  placeOf(byteOffset: number): SqlPlace
}

/** `fragment` with everything interpolated. */
export function renderSql(fragment: SqlFragment): RenderedSql {
  const pieces: Piece[] = []
  const references: { table: TableDeclaration; place: SqlPlace }[] = []
  let text = ''
  const add = (piece: Omit<Piece, 'start'>, part: string): void => {
    pieces.push({ ...piece, start: text.length })
    text += part
  }
  const visit = (current: SqlFragment): void => {
    current.chunks.forEach((part, chunk) => {
      add({ fragment: current, chunk, verbatim: true }, part)
      const value = current.values[chunk]
      if (value === undefined) return
      if (isSqlFragment(value)) {
        visit(value)
        return
      }
      if (isDeclaration(value)) {
        references.push({ table: value, place: { fragment: current, chunk, offset: part.length } })
      }
      add({ fragment: current, chunk, verbatim: false }, renderValue(value))
    })
  }
  visit(fragment)
  return { text, references, placeOf: byteOffset => placeAt(pieces, charOffset(text, byteOffset)) }
}

function placeAt(pieces: readonly Piece[], offset: number): SqlPlace {
  const piece = pieces.findLast(({ start }) => start <= offset) ?? pieces[0]
  if (!piece) throw new RangeError('an sql fragment has at least one chunk')
  const length = piece.fragment.chunks[piece.chunk]?.length ?? 0
  return {
    fragment: piece.fragment,
    chunk: piece.chunk,
    offset: piece.verbatim ? Math.min(offset - piece.start, length) : length,
  }
}

const charOffset = (text: string, byteOffset: number): number =>
  Buffer.from(text, 'utf8').subarray(0, byteOffset).toString('utf8').length

function renderValue(value: Exclude<SqlValue, SqlFragment>): string {
  if (isDeclaration(value)) return `${quoteIdentifier(value.tier)}.${quoteIdentifier(value.name)}`
  if (Array.isArray(value)) return `(${value.map(renderLiteral).join(', ')})`
  return renderLiteral(value as SqlLiteral)
}

function renderLiteral(value: SqlLiteral): string {
  if (value === null) return 'NULL'
  if (value instanceof Date) return `TIMESTAMPTZ ${quoteLiteral(value.toISOString())}`
  if (typeof value === 'string') return quoteLiteral(value)
  if (typeof value === 'number' && !Number.isFinite(value))
    return `CAST(${quoteLiteral(String(value))} AS DOUBLE)`
  // In parentheses: two minus signs in a row would begin a comment.
  return String(value).startsWith('-') ? `(${value})` : String(value)
}
