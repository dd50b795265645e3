import type { NestedField, Schema } from '../format/types.ts'

/**
 * Id of the reserved column `_row_id`: which row of the table it is, through all files that it has been in; null in files that the
 * row was new in (Iceberg spec, "Row Lineage").
 */
export const ROW_ID: NestedField = { id: 2_147_483_540, name: '_row_id', required: false, type: 'long' }

/** The reserved column `_last_updated_sequence_number`: the commit that made the row what it is; null in files of that commit. */
export const LAST_UPDATED: NestedField = {
  id: 2_147_483_539,
  name: '_last_updated_sequence_number',
  required: false,
  type: 'long',
}

/** Names of the two columns of row lineage in a SELECT. */
export interface LineageColumns {
  readonly rowId: string
  readonly lastUpdated: string
}

/** Names for the two columns that no column of the table has. */
export function lineageColumnsFor(schema: Schema): LineageColumns {
  return { rowId: unusedName(schema, ROW_ID.name), lastUpdated: unusedName(schema, LAST_UPDATED.name) }
}

/** The schema of files that keep which rows they have: that of the table and the two columns of lineage. */
export function withLineage(schema: Schema): Schema {
  const { rowId, lastUpdated } = lineageColumnsFor(schema)
  return {
    ...schema,
    fields: [...schema.fields, { ...ROW_ID, name: rowId }, { ...LAST_UPDATED, name: lastUpdated }],
  }
}

/** `name`, or what it becomes with underscores before it until no column of the table has it. */
export function unusedName(schema: Schema, name: string): string {
  const isTaken = schema.fields.some(field => field.name.toLowerCase() === name)
  return isTaken ? unusedName(schema, `_${name}`) : name
}
