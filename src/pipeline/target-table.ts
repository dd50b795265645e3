import type { CreateTableRequest } from '../catalog/catalog.ts'
import { isIngotError } from '../errors.ts'
import { buildPartitionSpec } from '../format/partition-spec.ts'
import { currentSchema } from '../format/schema.ts'
import type { Schema } from '../format/types.ts'
import { stringifyJson } from '../json.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { stageCreate, stagePartitioning, stageProperties, stageSchemaChange } from '../table/stage.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { DEFINITION_PROPERTY } from './definition-parts.ts'
import type { RefreshContext } from './refresh-context.ts'
import { schemaChanges } from './schema-changes.ts'

/** The columns as a schema; its ids stand for the columns until the catalog assigns others. */
function schemaOf(columns: readonly LakeColumn[]): Schema {
  return {
    type: 'struct',
    'schema-id': 0,
    fields: columns.map(({ name, type, doc }, index) => ({
      id: index + 1,
      name,
      required: false,
      type,
      ...(doc === undefined ? {} : { doc }),
    })),
  }
}

/** The derived table as its declaration wants it: created, or with its columns, partitioning and definition brought up to date. */
export async function stageTarget(
  refresh: RefreshContext,
  staged: StagedTable | undefined,
): Promise<StagedTable> {
  const { context, examined, prepared } = refresh
  const { table } = examined
  const properties = {
    [DEFINITION_PROPERTY]: stringifyJson(prepared.parts),
    ...(table.description === undefined ? {} : { comment: table.description }),
  }
  if (staged === undefined) {
    const schema = schemaOf(table.columns)
    return createTable(context, {
      identifier: table.identifier,
      schema,
      partitionSpec: buildPartitionSpec(schema, table.partitionBy).spec,
      properties,
    })
  }
  const evolved = stageSchemaChange(staged, schemaChanges(currentSchema(staged.metadata), table.columns))
  const set = Object.fromEntries(
    Object.entries(properties).filter(([key, value]) => evolved.metadata.properties[key] !== value),
  )
  return stagePartitioning(stageProperties(evolved, { set }), table.partitionBy)
}

/** The quarantine table of a derived table: its columns, and why and when each row came there. */
export async function stageQuarantine(
  context: TableContext,
  identifier: TableIdentifier,
  columns: readonly LakeColumn[],
  staged: StagedTable | undefined,
): Promise<StagedTable> {
  if (staged === undefined) return createTable(context, { identifier, schema: schemaOf(columns) })
  return stageSchemaChange(staged, schemaChanges(currentSchema(staged.metadata), columns))
}

async function createTable(context: TableContext, request: CreateTableRequest): Promise<StagedTable> {
  try {
    return await stageCreate(context, request)
  } catch (error) {
    if (!isIngotError(error, 'NAMESPACE_NOT_FOUND')) throw error
    await createNamespace(context, request.identifier.namespace)
    return stageCreate(context, request)
  }
}

async function createNamespace(context: TableContext, namespace: readonly string[]): Promise<void> {
  try {
    await context.catalog.createNamespace(namespace)
  } catch (error) {
    // Another table of the run was first.
    if (!isIngotError(error, 'NAMESPACE_EXISTS')) throw error
  }
}
