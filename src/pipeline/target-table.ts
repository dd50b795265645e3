import { currentSchema } from '../format/schema.ts'
import { stringifyJson } from '../json.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { specById } from '../table/partition-columns.ts'
import { stagePartitioning, stageProperties, stageSchemaChange } from '../table/stage.ts'
import { stageNewTable } from '../table/stage-new-table.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { DEFINITION_PROPERTY } from './definition-parts.ts'
import type { RefreshContext } from './refresh-context.ts'
import { removedColumns, schemaChanges } from './schema-changes.ts'

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
  if (staged === undefined) return stageNewTable(context, { ...table, properties })
  const evolved = stageColumns(staged, table.columns)
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
  if (staged === undefined) return stageNewTable(context, { identifier, columns })
  return stageColumns(staged, columns)
}

function stageColumns(staged: StagedTable, columns: readonly LakeColumn[]): StagedTable {
  const schema = currentSchema(staged.metadata)
  const going = removedColumns(schema, columns)
  const goingIds = new Set(schema.fields.filter(({ name }) => going.includes(name)).map(({ id }) => id))
  const { fields } = specById(staged.metadata, staged.metadata['default-spec-id'])
  // A column stays for as long as the table is partitioned by it.
  const isInTheWay = fields.some(field => goingIds.has(field['source-id']))
  return stageSchemaChange(
    isInTheWay ? stagePartitioning(staged, []) : staged,
    schemaChanges(schema, columns),
  )
}
