import type { Expression } from '../format/expression.ts'
import { currentSchema } from '../format/schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { EngineSession } from '../table/engine.ts'
import { filterFromKeys } from '../table/key-filter.ts'
import { parsePartitionText } from '../table/partition-text.ts'
import { toSqlType } from '../table/sql-types.ts'
import { partitionTextSql } from '../table/transform-sql.ts'
import type { InputState } from './input-changes.ts'
import { KEYS_RELATION, type KeyRange, keyColumnName } from './query-analysis.ts'

const RANGE_VIEW = 'ingot_range'

/** What the touched keys of a session tell of the rows of `input` that a recomputation needs; undefined: nothing. */
export async function filterInput(
  session: EngineSession,
  input: InputState,
  ranges: readonly KeyRange[],
): Promise<Expression | undefined> {
  const operands: Expression[] = []
  for (const range of ranges) {
    if (range.input !== input.input) continue
    const filter =
      range.width === undefined
        ? await filterByValue(session, input, range)
        : await filterByWidth(session, input, range)
    if (filter !== undefined) operands.push(filter)
  }
  return operands.length === 0 ? undefined : { type: 'and', operands }
}

async function filterByValue(
  session: EngineSession,
  input: InputState,
  range: KeyRange,
): Promise<Expression> {
  const column = quoteIdentifier(range.column)
  await session.query(
    `CREATE OR REPLACE TEMP VIEW ${RANGE_VIEW} AS SELECT ${keyColumnName(range.keyIndex)} AS ${column} FROM ${KEYS_RELATION}`,
  )
  return filterFromKeys(session, currentSchema(input.metadata), [range.column], RANGE_VIEW)
}

async function filterByWidth(
  session: EngineSession,
  input: InputState,
  { column, width, keyIndex }: KeyRange,
): Promise<Expression | undefined> {
  const field = currentSchema(input.metadata).fields.find(({ name }) => name === column)
  const type = field?.type
  if (field === undefined || (type !== 'date' && type !== 'timestamp' && type !== 'timestamptz'))
    return undefined
  const key = keyColumnName(keyIndex)
  const text = (expression: string): string =>
    partitionTextSql('identity', type, `CAST(${expression} AS ${toSqlType(type)})`)
  const { rows } = await session.query(
    `SELECT ${text('lowest')}, ${text(`highest + INTERVAL '${width}'`)}, has_null FROM (
      SELECT min(${key}) AS lowest, max(${key}) AS highest, bool_or(${key} IS NULL) AS has_null FROM ${KEYS_RELATION})`,
  )
  const [lowest, highest, hasNull] = rows[0] ?? []
  if (typeof lowest !== 'string' || typeof highest !== 'string') return undefined
  const between: Expression = {
    type: 'and',
    operands: [
      { type: 'gte', fieldId: field.id, value: parsePartitionText(type, lowest) },
      { type: 'lte', fieldId: field.id, value: parsePartitionText(type, highest) },
    ],
  }
  return hasNull === true
    ? { type: 'or', operands: [between, { type: 'is-null', fieldId: field.id }] }
    : between
}
