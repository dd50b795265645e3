import { currentSchema } from '../format/schema.ts'
import type { SchemaChange } from '../format/schema-evolution.ts'
import type { NestedField } from '../format/types.ts'
import { BRONZE_SYSTEM_COLUMNS, type BronzeTable } from '../lake/lake.ts'
import { quoteIdentifier } from '../sql-text.ts'
import type { StagedTable } from '../table/staged-table.ts'

/**
 * The columns that a table has and that its declaration no longer names: they stay for the rows that have them, and new rows have
 * null there. With `onNewColumn: 'add'` there are none, as rows may fill any column.
 */
export function keptColumns(table: BronzeTable, staged: StagedTable): readonly NestedField[] {
  if (table.declared !== undefined && table.onNewColumn === 'add') return []
  const wanted = new Set([...table.columns, ...BRONZE_SYSTEM_COLUMNS].map(({ name }) => name))
  return currentSchema(staged.metadata).fields.filter(({ name }) => !wanted.has(name))
}

/** Lets kept columns be null, which one that another engine made required could not. */
export function keptColumnChanges(kept: readonly NestedField[]): readonly SchemaChange[] {
  return kept
    .filter(({ required }) => required)
    .map(({ name }) => ({ type: 'make-optional', path: [name] }) as const)
}

/** A SELECT of rows that has null in the kept columns. */
export function withKeptColumnsSql(select: string, kept: readonly NestedField[]): string {
  if (kept.length === 0) return select
  return `SELECT *, ${kept.map(({ name }) => `NULL AS ${quoteIdentifier(name)}`).join(', ')} FROM (${select})`
}

/** What is to be said of each kept column. */
export function keptColumnNotes(kept: readonly NestedField[]): readonly string[] {
  return kept.map(({ name }) => `column ${name} is no longer declared: kept, null in new rows`)
}
