import { sameType } from '../format/schema.ts'
import { isWider, type SchemaChange } from '../format/schema-evolution.ts'
import { isPrimitive, type Schema } from '../format/types.ts'
import type { LakeColumn } from '../lake/lake.ts'

/**
 * What makes a table's columns those of its declaration. New ones come at the end; one whose type cannot be widened to the new
 * type is exchanged for a new one of the same name, which a table whose rows are all computed anew can bear.
 */
export function schemaChanges(schema: Schema, columns: readonly LakeColumn[]): readonly SchemaChange[] {
  const wanted = new Set(columns.map(({ name }) => name))
  const changes = [
    ...schema.fields.filter(({ name }) => !wanted.has(name)).map(({ name }) => dropColumn(name)),
    ...columns.flatMap(column => columnChanges(schema, column)),
  ]
  // What goes is dropped last, as a table never is without a column, and so makes way for its successor before.
  const of = (...types: readonly SchemaChange['type'][]): readonly SchemaChange[] =>
    changes.filter(({ type }) => types.includes(type))
  return [...of('rename'), ...of('add', 'widen'), ...of('drop')]
}

function dropColumn(name: string): SchemaChange {
  return { type: 'drop', path: [name] }
}

/** What a column is called from when its successor takes its name until it is dropped. */
function formerName(name: string): string {
  return `ingot_former_${name}`
}

function columnChanges(schema: Schema, { name, type, doc }: LakeColumn): readonly SchemaChange[] {
  const path = [name]
  const field = schema.fields.find(candidate => candidate.name === name)
  const add: SchemaChange = { type: 'add', path, fieldType: type, ...(doc === undefined ? {} : { doc }) }
  if (field === undefined) return [add]
  if (sameType(field.type, type)) return []
  if (isPrimitive(field.type) && isPrimitive(type) && isWider(field.type, type)) {
    return [{ type: 'widen', path, to: type }]
  }
  return [{ type: 'rename', path, name: formerName(name) }, add, dropColumn(formerName(name))]
}

/** The columns of `schema` that a declaration takes away or gives another type: what an additive change does not do. */
export function removedColumns(schema: Schema, columns: readonly LakeColumn[]): readonly string[] {
  return schema.fields
    .map(({ name }) => name)
    .filter(name => {
      const column = columns.find(candidate => candidate.name === name)
      return column === undefined || columnChanges(schema, column).some(({ type }) => type === 'drop')
    })
}
