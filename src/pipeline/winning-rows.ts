import type { LakeTable } from '../lake/lake.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { DELETE_COLUMN, ORDER_COLUMN, TIE_COLUMNS } from './query-analysis.ts'

/** A table that is computed from others. */
export type DerivedTable = Extract<LakeTable, { kind: 'query' | 'map' }>

const RANK_COLUMN = 'ingot_rank'
const HASH_COLUMN = 'ingot_key_hash'

/** The table's own columns, quoted and joined: a select list without the helper columns. */
export function columnList(table: DerivedTable): string {
  return table.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
}

/** `orderBy` and `deleteWhen` as select items over the table's own columns. */
export function helperColumnsSql(table: DerivedTable): readonly string[] {
  return [
    ...(table.orderBy === undefined ? [] : [`(${table.orderBy}\n) AS ${ORDER_COLUMN}`]),
    ...(table.deleteWhen === undefined ? [] : [`(${table.deleteWhen}\n) AS ${DELETE_COLUMN}`]),
  ]
}

/**
 * The rows of `relation` that the table keeps: all of them without a key, else one a key. It is the one with the greatest ORDER_COLUMN
 * (null loses), then the greatest place in its source, then the greatest whole row, so that the choice is the same in whatever
 * order rows arrive. A key whose winner has DELETE_COLUMN true has no row. `helpers` are the relation's columns beside the table's.
 *
 * Only rows that share the hash of their key with another are ranked, as sorting is dear and most keys have one row (of 3,000,000
 * rows with 7,000 such keys: 3.1 instead of 5.3 CPU seconds). Equal keys have equal hashes; others of one hash are told apart by
 * the ranking.
 */
export function winningRowsSql(table: DerivedTable, relation: string, helpers: readonly string[]): string {
  const columns = columnList(table)
  if (table.key.length === 0) return `SELECT ${columns} FROM ${relation}`
  const present = [ORDER_COLUMN, ...TIE_COLUMNS].filter(name => helpers.includes(name))
  const order = [...present, ...table.columns.map(({ name }) => name)].map(
    name => `${quoteIdentifier(name)} DESC NULLS LAST`,
  )
  const keys = table.key.map(quoteIdentifier).join(', ')
  const kept = helpers.includes(DELETE_COLUMN) ? `${quoteIdentifier(DELETE_COLUMN)} IS NOT TRUE` : 'true'
  return `SELECT ${columns} FROM (
  WITH ingot_hashed AS NOT MATERIALIZED (SELECT *, hash(${keys}) AS ${HASH_COLUMN} FROM ${relation}),
  ingot_shared AS MATERIALIZED (SELECT ${HASH_COLUMN} FROM ingot_hashed GROUP BY ${HASH_COLUMN} HAVING count(*) > 1)
  SELECT ${columns} FROM ingot_hashed WHERE ${HASH_COLUMN} NOT IN (FROM ingot_shared) AND ${kept}
  UNION ALL
  SELECT ${columns} FROM (
    SELECT *, row_number() OVER (PARTITION BY ${keys} ORDER BY ${order.join(', ')}) AS ${RANK_COLUMN}
    FROM ingot_hashed WHERE ${HASH_COLUMN} IN (FROM ingot_shared)
  ) WHERE ${RANK_COLUMN} = 1 AND ${kept})`
}
