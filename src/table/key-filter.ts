import type { Expression } from '../format/expression.ts'
import type { PrimitiveValue } from '../format/manifest-types.ts'
import type { NestedField, PrimitiveType } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession, EngineValue } from './engine.ts'
import { parsePartitionText } from './partition-text.ts'
import { toSqlType } from './sql-types.ts'
import { partitionTextSql } from './transform-sql.ts'

// With few keys each is looked for, which also finds the buckets they hash to; with more their range.
const LISTED_KEYS_MAX = 100

/** Where the values that are looked for in a column come from. */
export interface KeySource {
  readonly field: NestedField
  /** The column of the keys, as SQL. */
  readonly key: string
  /** A key stands for all values from its own to that and this interval (`1 day`); undefined: for its own alone. */
  readonly width?: string | undefined
}

/** A key source whose values have bounds in a manifest. */
interface BoundedSource extends KeySource {
  readonly type: PrimitiveType
}

/**
 * A filter that rules out files which cannot hold any of the keys in the table `keysTable`: by the values of each column, or
 * their range, and whether there are nulls.
 */
export async function filterFromKeys(
  session: EngineSession,
  keysTable: string,
  sources: readonly KeySource[],
): Promise<Expression> {
  const bounded = sources.flatMap(source => {
    const { type } = source.field
    // NaN and the two zeros make floating keys equal in SQL that bounds tell apart.
    return isPrimitive(type) && type !== 'float' && type !== 'double' ? [{ ...source, type }] : []
  })
  const exact = bounded.filter(({ width }) => width === undefined)
  const lists = await listKeys(session, keysTable, exact)
  const listed = exact.flatMap((source, index) => expressionOfList(source, lists[index] ?? []))
  const many = exact.filter((_, index) => (lists[index]?.length ?? 0) > LISTED_KEYS_MAX)
  const wide = bounded.filter(({ width }) => width !== undefined)
  return {
    type: 'and',
    operands: [...listed, ...(await expressionsOfRanges(session, keysTable, [...many, ...wide]))],
  }
}

/** Of each source its distinct keys, as text, or one more than may be listed; null stands for null, undefined for no value of Iceberg's. */
async function listKeys(
  session: EngineSession,
  keysTable: string,
  sources: readonly BoundedSource[],
): Promise<readonly (readonly (string | null | undefined)[])[]> {
  const lists: (string | null | undefined)[][] = sources.map(() => [])
  if (sources.length === 0) return lists
  const selects = sources.map(({ type, key }, index) => {
    const keys = `SELECT DISTINCT ${castKey(type, key)} AS v FROM ${quoteIdentifier(keysTable)} LIMIT ${LISTED_KEYS_MAX + 1}`
    return `SELECT ${index} AS place, ${partitionTextSql('identity', type, 'v')} AS text, v IS NULL AS is_null FROM (${keys})`
  })
  const { rows } = await session.query(selects.join(' UNION ALL '))
  for (const [place, text, isNull] of rows) lists[Number(place)]?.push(isNull ? null : textOf(text))
  return lists
}

function expressionOfList(
  { field: { id }, type }: BoundedSource,
  list: readonly (string | null | undefined)[],
): readonly Expression[] {
  if (list.length > LISTED_KEYS_MAX || list.includes(undefined)) return []
  const values = list.flatMap(text => (text == null ? [] : [parsePartitionText(type, text)]))
  return [orNull({ type: 'in', fieldId: id, values }, id, list.includes(null))]
}

async function expressionsOfRanges(
  session: EngineSession,
  keysTable: string,
  sources: readonly BoundedSource[],
): Promise<readonly Expression[]> {
  if (sources.length === 0) return []
  const columns = sources.flatMap(({ type, key, width }) => {
    const value = castKey(type, key)
    const highest = width === undefined ? `max(${value})` : castKey(type, `max(${key}) + INTERVAL '${width}'`)
    const ends = [`min(${value})`, highest].map(end => partitionTextSql('identity', type, end))
    return [...ends, `bool_or(${key} IS NULL)`]
  })
  const { rows } = await session.query(`SELECT ${columns.join(', ')} FROM ${quoteIdentifier(keysTable)}`)
  const [row = []] = rows
  return sources.flatMap(({ field: { id }, type }, index) => {
    const [lowest, highest] = [textOf(row[index * 3]), textOf(row[index * 3 + 1])]
    if (lowest === undefined || highest === undefined) return []
    const range = between(id, parsePartitionText(type, lowest), parsePartitionText(type, highest))
    return [orNull(range, id, row[index * 3 + 2] === true)]
  })
}

function castKey(type: PrimitiveType, key: string): string {
  return `CAST(${key} AS ${toSqlType(type)})`
}

/** Undefined for a value that Iceberg has no place for, an infinite time. */
function textOf(value: EngineValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function orNull(expression: Expression, fieldId: number, hasNull: boolean): Expression {
  return hasNull ? { type: 'or', operands: [expression, { type: 'is-null', fieldId }] } : expression
}

function between(fieldId: number, lowest: PrimitiveValue, highest: PrimitiveValue): Expression {
  return {
    type: 'and',
    operands: [
      { type: 'gte', fieldId, value: lowest },
      { type: 'lte', fieldId, value: highest },
    ],
  }
}
