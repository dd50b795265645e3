import { IngotError } from '../errors.ts'
import { currentSchema, sameType } from '../format/schema.ts'
import { isWider, type SchemaChange } from '../format/schema-evolution.ts'
import { isPrimitive, type NestedField, type Type } from '../format/types.ts'
import { BRONZE_SYSTEM_COLUMNS, type BronzeTable, type LakeColumn } from '../lake/lake.ts'
import { stagePartitioning, stageSchemaChange } from '../table/stage.ts'
import { stageNewTable } from '../table/stage-new-table.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { keptColumnChanges, keptColumns } from './kept-columns.ts'

/**
 * The bronze table as its declaration wants it: created, or with the columns that were added or widened since, and with the
 * partitioning that new files follow. Columns that are no longer declared stay.
 * @throws PLAN_REFUSED when a column has another type now, or a name that differs from another's in letter case alone
 */
export async function stageBronzeTable(
  context: TableContext,
  table: BronzeTable,
  staged: StagedTable | undefined,
): Promise<StagedTable> {
  if (staged === undefined) return await stageNewTable(context, table)
  const { fields } = currentSchema(staged.metadata)
  const changes = [
    ...schemaChanges(table.identifier, fields, table.columns, []),
    ...keptColumnChanges(keptColumns(table, staged)),
  ]
  return stagePartitioning(stageSchemaChange(staged, changes), table.partitionBy)
}

/** The columns that a row can fill: those declared, and those that were added because rows had them. */
export function fillableColumns(table: BronzeTable, staged: StagedTable): readonly LakeColumn[] | undefined {
  if (table.declared === undefined || table.onNewColumn !== 'add') return table.declared
  const system = new Set(BRONZE_SYSTEM_COLUMNS.map(column => column.name))
  const declared = new Set(table.declared.map(column => column.name))
  const added = currentSchema(staged.metadata).fields.filter(
    ({ name }) => !system.has(name) && !declared.has(name),
  )
  return [...table.declared, ...added.map(({ name, type }) => ({ name, type }))]
}

function schemaChanges(
  identifier: TableIdentifier,
  fields: readonly NestedField[],
  columns: readonly { readonly name: string; readonly type: Type }[],
  path: readonly string[],
): SchemaChange[] {
  return columns.flatMap(column => {
    const field = fields.find(candidate => candidate.name === column.name)
    const columnPath = [...path, column.name]
    if (field === undefined) {
      requireOtherName(identifier, fields, columnPath)
      return [{ type: 'add', path: columnPath, fieldType: column.type } as const]
    }
    return typeChanges(identifier, field.type, column.type, columnPath)
  })
}

/** SQL engines take names that differ in letter case alone for one. */
function requireOtherName(
  identifier: TableIdentifier,
  fields: readonly NestedField[],
  path: readonly string[],
): void {
  const wanted = path.at(-1)?.toLowerCase()
  const known = fields.find(field => field.name.toLowerCase() === wanted)?.name
  if (known === undefined) return
  const table = formatIdentifier(identifier)
  throw new IngotError(
    'PLAN_REFUSED',
    `column ${path.join('.')} of ${table} differs from its column ${known} in letter case alone`,
    {
      hint: `declare it as ${known}, or under another name`,
      context: { table, column: path.join('.'), known },
    },
  )
}

function typeChanges(
  identifier: TableIdentifier,
  from: Type,
  to: Type,
  path: readonly string[],
): SchemaChange[] {
  if (sameType(from, to)) return []
  if (isPrimitive(from) && isPrimitive(to)) {
    if (isWider(from, to)) return [{ type: 'widen', path, to }]
  } else if (!isPrimitive(from) && !isPrimitive(to) && from.type === 'struct' && to.type === 'struct') {
    return schemaChanges(identifier, from.fields, to.fields, path)
  }
  const name = formatIdentifier(identifier)
  throw new IngotError(
    'PLAN_REFUSED',
    `column ${path.join('.')} of ${name} has another type than it was declared with`,
    {
      hint: `${name} must be rebuilt from its sources: ingot drop ${name}, then ingot run; or declare the new type under another name`,
      context: { table: name, column: path.join('.'), from, to },
    },
  )
}
