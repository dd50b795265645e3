import type { CreateTableRequest } from '../catalog/catalog.ts'
import { IngotError, isIngotError } from '../errors.ts'
import { buildPartitionSpec } from '../format/partition-spec.ts'
import { assignFreshIds } from '../format/schema.ts'
import type { NestedField, Schema, Type } from '../format/types.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { stageCreate } from './stage.ts'
import type { StagedTable, TableContext } from './staged-table.ts'

export interface NewTable {
  readonly identifier: TableIdentifier
  /** All of them nullable. */
  readonly columns: readonly { readonly name: string; readonly type: Type; readonly doc?: string }[]
  /** Texts as buildPartitionSpec takes them. @default not partitioned */
  readonly partitionBy?: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * A table of these columns that the commit creates; its namespace is made when it is missing. For a table that the transaction
 * looked for and did not find.
 * @throws COMMIT_CONFLICT, retryable, when somebody else has created it meanwhile
 */
export async function stageNewTable(
  context: Pick<TableContext, 'catalog'>,
  { identifier, columns, partitionBy = [], properties = {} }: NewTable,
): Promise<StagedTable> {
  const fields = columns.map(
    ({ name, type, doc }): NestedField => ({ id: 0, name, required: false, type, ...(doc && { doc }) }),
  )
  const { type: schema } = assignFreshIds<Schema>({ type: 'struct', 'schema-id': 0, fields })
  const { spec: partitionSpec } = buildPartitionSpec(schema, partitionBy)
  const request = { identifier, schema, partitionSpec, properties }
  try {
    return await stageUnlessCreated(context, request)
  } catch (error) {
    if (!isIngotError(error, 'NAMESPACE_NOT_FOUND')) throw error
  }
  await createNamespace(context, identifier.namespace)
  return stageUnlessCreated(context, request)
}

async function stageUnlessCreated(
  context: Pick<TableContext, 'catalog'>,
  request: CreateTableRequest,
): Promise<StagedTable> {
  try {
    return await stageCreate(context, request)
  } catch (error) {
    throw isIngotError(error, 'TABLE_EXISTS') ? createdMeanwhile(error) : error
  }
}

function createdMeanwhile(cause: IngotError): IngotError {
  return new IngotError('COMMIT_CONFLICT', cause.message, {
    cause,
    retryable: true,
    hint: 'stage the changes again from fresh state',
    context: cause.context,
  })
}

async function createNamespace(
  { catalog }: Pick<TableContext, 'catalog'>,
  namespace: readonly string[],
): Promise<void> {
  try {
    await catalog.createNamespace(namespace)
  } catch (error) {
    // Another table of the same transaction, or somebody else, was first.
    if (!isIngotError(error, 'NAMESPACE_EXISTS')) throw error
  }
}
