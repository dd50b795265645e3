import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { isUnpartitioned } from '../format/partition-spec.ts'
import { currentSchema, fieldsById } from '../format/schema.ts'
import type { NestedField, Schema } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import type { DeleteTask } from './delete-index.ts'
import { fileFactsSql, type Scopes } from './file-facts.ts'
import { specById } from './partition-columns.ts'
import type { KeySet } from './row-set.ts'
import type { ScanTask } from './scan.ts'
import { columnReference, groupByLayout, type LayoutGroup, readGroupSql } from './scan-columns.ts'

/** A column that equality deletes compare. */
interface KeyColumn {
  /** The top-level column that it is or lies in. */
  readonly field: NestedField
  /** Ids of the fields on the way from there, its own last; none for the top-level column itself. */
  readonly ids: readonly number[]
  readonly leaf: NestedField
}

/** Delete files whose rows are compared by the same columns, all either in one partition each or in all of them. */
interface KeyGroup {
  readonly columns: readonly KeyColumn[]
  readonly isGlobal: boolean
  readonly files: readonly DeleteTask[]
}

/** The equality deletes of some tasks. */
export interface DeletedKeys {
  /** The top-level columns of the data files that the keys are compared with; the current schema may lack them. */
  readonly fields: readonly NestedField[]
  /** The rows that are deleted, in files whose columns are stored as those of the group. */
  readonly setsFor: (group: LayoutGroup<ScanTask>) => readonly KeySet[]
}

/** What the equality deletes of these tasks delete; undefined when they have none. @throws METADATA_INVALID, UNSUPPORTED */
export function deletedKeys(
  metadata: TableMetadata,
  tasks: readonly ScanTask[],
  scopes: Scopes,
): DeletedKeys | undefined {
  const groups = groupKeys(metadata, tasks)
  if (groups.length === 0) return undefined
  const fields = new Map(groups.flatMap(({ columns }) => columns.map(({ field }) => [field.id, field])))
  const relations = groups.map(group => ({ group, sql: keysSql(metadata, group, scopes) }))
  return {
    fields: [...fields.values()],
    setsFor: layout =>
      relations.map(({ group, sql }) => ({
        kind: 'keys',
        sql,
        matchSql: alias => matchSql(group, layout, alias),
      })),
  }
}

/** Whether equality deletes apply to a task. */
export function hasKeyDeletes(task: ScanTask): boolean {
  return task.deletes.some(isEqualityDelete)
}

function isEqualityDelete({ entry }: DeleteTask): boolean {
  return entry.file.content === 'equality-deletes'
}

function groupKeys(metadata: TableMetadata, tasks: readonly ScanTask[]): KeyGroup[] {
  const files = new Map(
    tasks.flatMap(task =>
      task.deletes.filter(isEqualityDelete).map(file => [file.enginePath, file] as const),
    ),
  )
  const groups = new Map<string, { columns: KeyColumn[]; isGlobal: boolean; files: DeleteTask[] }>()
  for (const file of files.values()) {
    const ids = [...new Set(file.entry.file.equalityIds ?? [])].sort((a, b) => a - b)
    const isGlobal = isUnpartitioned(specById(metadata, file.entry.specId))
    const key = `${isGlobal} ${ids.join(' ')}`
    const group = groups.get(key)
    if (group === undefined) {
      groups.set(key, { columns: keyColumns(metadata, file, ids), isGlobal, files: [file] })
    } else group.files.push(file)
  }
  return [...groups.values()]
}

function keyColumns(metadata: TableMetadata, file: DeleteTask, ids: readonly number[]): KeyColumn[] {
  const { filePath } = file.entry.file
  if (ids.length === 0) {
    throw new IngotError('METADATA_INVALID', `equality delete file ${filePath} has no equality_ids`, {
      hint: 'restore an older snapshot of the table',
      context: { file: filePath },
    })
  }
  return ids.map(id => {
    const column = findKeyColumn(metadata, id)
    if (column !== undefined) return column
    throw new IngotError(
      'METADATA_INVALID',
      `equality delete file ${filePath} compares column ${id}, which no schema of the table has as a primitive column outside lists and maps`,
      {
        hint: 'rewrite the table with the engine that wrote the deletes',
        context: { file: filePath, fieldId: id },
      },
    )
  })
}

/** Newest schema first: a column that was dropped still tells which rows are deleted (Iceberg spec, "Equality Delete Files"). */
function findKeyColumn(metadata: TableMetadata, id: number): KeyColumn | undefined {
  const schemas = [currentSchema(metadata), ...metadata.schemas.toReversed()]
  for (const schema of schemas) {
    const located = fieldsById(schema).get(id)
    if (located === undefined) continue
    if (located.repeated || !isPrimitive(located.field.type)) return undefined
    const [topId, ...ids] = idsOf(schema, located.path)
    // As the newest schema that has the top-level column knows it: a scan may read that as well.
    const top = schemas.flatMap(({ fields }) => fields.filter(field => field.id === topId))[0]
    return top && { field: top, ids, leaf: located.field }
  }
  return undefined
}

function idsOf(schema: Schema, path: readonly string[]): number[] {
  let fields = schema.fields
  return path.map(name => {
    const field = fields.find(candidate => candidate.name === name)
    fields =
      field !== undefined && !isPrimitive(field.type) && field.type.type === 'struct' ? field.type.fields : []
    return field?.id ?? -1
  })
}

/**
 * A SELECT of the deleted keys, each with the newest sequence number that deletes it. By way of one list, which the engine takes for
 * one row: it hashes the keys and never the data rows, which are many but have no statistics (of 3,000,000 rows: 0.7 instead of 1.5
 * CPU seconds).
 */
function keysSql(metadata: TableMetadata, group: KeyGroup, scopes: Scopes): string {
  const fields = new Map(group.columns.map(({ field }) => [field.id, field]))
  const selects = groupByLayout(metadata, [...fields.values()], group.files).map(layout => {
    const keys = keyPartsSql(group, layout).map((part, index) => `${part} AS k${index}`)
    return `SELECT ${keys.join(', ')}, f.scope, f.sequence_number FROM ${readGroupSql(layout)} AS d ${fileFactsSql(layout.files, scopes)}`
  })
  const parts = group.columns.flatMap(column => (isFloating(column) ? [column, column] : [column]))
  const names = [...parts.map((_, index) => `k${index}`), 'scope']
  const newest = `SELECT ${names.join(', ')}, max(sequence_number) AS sequence_number FROM (${selects.join(' UNION ALL ')}) GROUP BY ALL`
  const members = [...names, 'sequence_number'].map(name => `r.${name} AS ${name}`)
  return `SELECT ${members.join(', ')} FROM (SELECT unnest(list(n)) AS r FROM (${newest}) AS n)`
}

function isFloating({ leaf }: KeyColumn): boolean {
  return leaf.type === 'float' || leaf.type === 'double'
}

/** What is equal where the columns are, as expressions over `d`: the engine takes the two zeros for equal, Iceberg does not. */
function keyPartsSql(group: KeyGroup, layout: Pick<LayoutGroup<DeleteTask>, 'columns'>): string[] {
  return group.columns.flatMap(column => {
    const reference = columnReference(column.field.id)
    const value =
      layout.columns.get(column.field.id)?.reader.leafSql(reference, column.ids, column.leaf) ?? reference
    return isFloating(column) ? [value, `CASE WHEN ${value} = 0 THEN signbit(${value}) END`] : [value]
  })
}

/** Nulls are equal; only rows older than the delete are meant (Iceberg spec, "Scan Planning"). */
function matchSql(group: KeyGroup, layout: Pick<LayoutGroup<ScanTask>, 'columns'>, alias: string): string {
  const equal = keyPartsSql(group, layout).map(
    (part, index) => `${alias}.k${index} IS NOT DISTINCT FROM ${part}`,
  )
  const scope = group.isGlobal ? [] : [`${alias}.scope = f.scope`]
  return [...equal, ...scope, `${alias}.sequence_number > f.sequence_number`].join(' AND ')
}
