import type { Expression } from '../format/expression.ts'
import type { PrimitiveValue } from '../format/manifest-types.ts'
import type { NestedField, PrimitiveType, Schema } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineResult, EngineSession } from './engine.ts'
import { parsePartitionText } from './partition-text.ts'
import { toSqlType } from './sql-types.ts'
import { partitionTextSql } from './transform-sql.ts'

// With few keys each is looked for, which also finds the buckets they hash to; with more their range.
const LISTED_KEYS_MAX = 100

/**
 * A filter that rules out files which cannot hold any of the keys in the table `keysTable`: by the values of each key
 * column, or their range, and whether there are nulls.
 */
export async function filterFromKeys(
  session: EngineSession,
  schema: Schema,
  keyColumns: readonly string[],
  keysTable: string,
): Promise<Expression> {
  const expressions: Expression[] = []
  for (const name of keyColumns) {
    const field = schema.fields.find(candidate => candidate.name === name)
    const expression = field && (await filterFromColumn(session, field, keysTable))
    if (expression !== undefined) expressions.push(expression)
  }
  return { type: 'and', operands: expressions }
}

async function filterFromColumn(
  session: EngineSession,
  field: NestedField,
  keysTable: string,
): Promise<Expression | undefined> {
  const { id, type } = field
  // NaN and the two zeros make floating keys equal in SQL that bounds tell apart.
  if (!isPrimitive(type) || type === 'float' || type === 'double') return undefined
  const value = `CAST(${quoteIdentifier(field.name)} AS ${toSqlType(type)})`
  const keys = `SELECT DISTINCT ${value} AS v FROM ${quoteIdentifier(keysTable)}`
  const text = partitionTextSql('identity', type, 'v')
  const listed = await session.query(`SELECT ${text}, v IS NULL FROM (${keys} LIMIT ${LISTED_KEYS_MAX + 1})`)
  if (listed.rows.length <= LISTED_KEYS_MAX) {
    return expressionOf(id, parseTexts(type, listed.rows), values => ({ type: 'in', fieldId: id, values }))
  }
  const ends = `SELECT min(v) AS v FROM keys UNION ALL SELECT max(v) FROM keys UNION ALL SELECT v FROM keys WHERE v IS NULL`
  const range = await session.query(`WITH keys AS (${keys}) SELECT ${text}, v IS NULL FROM (${ends})`)
  return expressionOf(id, parseTexts(type, range.rows), ([lowest, highest]) =>
    lowest === undefined || highest === undefined ? undefined : between(id, lowest, highest),
  )
}

interface KeyValues {
  readonly values: readonly PrimitiveValue[]
  readonly hasNull: boolean
}

/** Undefined when there is a key that Iceberg has no value for, an infinite time. */
function parseTexts(type: PrimitiveType, rows: EngineResult['rows']): KeyValues | undefined {
  const texts = rows.filter(([, isNull]) => isNull === false).map(([text]) => text)
  if (!texts.every(text => typeof text === 'string')) return undefined
  return { values: texts.map(text => parsePartitionText(type, text)), hasNull: texts.length < rows.length }
}

function expressionOf(
  fieldId: number,
  keys: KeyValues | undefined,
  ofValues: (values: readonly PrimitiveValue[]) => Expression | undefined,
): Expression | undefined {
  const expression = keys && ofValues(keys.values)
  if (expression === undefined || !keys?.hasNull) return expression
  return { type: 'or', operands: [expression, { type: 'is-null', fieldId }] }
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
