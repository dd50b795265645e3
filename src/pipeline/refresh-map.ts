import assert from 'node:assert/strict'
import type { MapTable } from '../lake/lake.ts'
import { quoteIdentifier, quoteTable } from '../sql-text.ts'
import { planScan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { toSqlType } from '../table/sql-types.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { RefreshDecision } from './decide-action.ts'
import { changedRelationSql, InputViews } from './input-views.ts'
import { DELETE_COLUMN, KEYS_RELATION, keyColumnName, ORDER_COLUMN } from './query-analysis.ts'
import type { RefreshContext, RefreshOutcome } from './refresh-context.ts'
import { obstacleToAppend } from './refresh-query.ts'
import { type ComputedRows, stageRows } from './stage-rows.ts'
import { createTouchedKeys } from './touched-keys.ts'
import { columnList, helperColumnsSql } from './winning-rows.ts'

const MAPPED_TABLE = 'ingot_mapped'

/** Brings a map table up to date with its input, as was decided; rows that are gone turn any other decision into a recomputation. */
export async function refreshMap(
  refresh: RefreshContext,
  table: MapTable,
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const views = new InputViews(refresh.context, refresh.session, refresh.lake)
  const input = refresh.examined.inputs[0]
  assert(input !== undefined, `map table ${formatIdentifier(table.identifier)} has no input`)
  if (decision.action === 'append' || decision.action === 'keys') {
    const obstacle = await obstacleToAppend(refresh, views, {
      drivingInput: input.input,
      because: 'only the map function knows which rows it made of them',
    })
    if (obstacle === undefined) {
      const rows = await mapRows(refresh, table, `SELECT * FROM ${changedRelationSql(input.input, 'added')}`)
      const computed = decision.action === 'append' ? appended(table, rows) : merged(refresh, table, rows)
      return { ...decision, ...(await stageRows(refresh, computed)) }
    }
    return recompute(refresh, table, views, { action: 'full', reason: obstacle })
  }
  return recompute(refresh, table, views, decision)
}

async function recompute(
  refresh: RefreshContext,
  table: MapTable,
  views: InputViews,
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const sources: string[] = []
  for (const input of refresh.examined.inputs) {
    await views.createNew(input)
    sources.push(`SELECT * FROM ${quoteTable(input.identifier)}`)
  }
  const rows = await mapRows(refresh, table, sources.join(' UNION ALL '))
  return {
    ...decision,
    ...(await stageRows(refresh, { rows, helpers: helpersOf(table), placement: { type: 'all' } })),
  }
}

/** Runs the user's function over the rows of `sourceSql`: a SELECT of what came out, with the columns that choose one row a key. */
async function mapRows(
  { session, lake }: RefreshContext,
  table: MapTable,
  sourceSql: string,
): Promise<string> {
  await session.map({
    modulePath: lake.modulePath,
    exportName: table.exportName,
    sourceSql,
    into: MAPPED_TABLE,
    columns: table.columns.map(({ name, type }) => ({ name, type: toSqlType(type) })),
  })
  return withHelpers(table, MAPPED_TABLE)
}

function withHelpers(table: MapTable, relation: string): string {
  return `SELECT ${[columnList(table), ...helperColumnsSql(table)].join(', ')} FROM ${relation}`
}

/** The columns that withHelpers adds. */
function helpersOf(table: MapTable): readonly string[] {
  return [
    ...(table.orderBy === undefined ? [] : [ORDER_COLUMN]),
    ...(table.deleteWhen === undefined ? [] : [DELETE_COLUMN]),
  ]
}

function appended(table: MapTable, rows: string): ComputedRows {
  return { rows, helpers: helpersOf(table), placement: { type: 'append' } }
}

/**
 * New rows with the rows that the table has for their keys: the greatest of what came before is in the table already, so that the
 * greatest of both is the greatest of all.
 */
function merged(refresh: RefreshContext, table: MapTable, rows: string): ComputedRows {
  const { context, session, examined } = refresh
  return {
    rows,
    helpers: helpersOf(table),
    placement: { type: 'keys', keyColumns: table.key },
    alreadyKept: async passing => {
      const keys = table.key.map((column, index) => `${quoteIdentifier(column)} AS ${keyColumnName(index)}`)
      await createTouchedKeys(session, table.key, [`SELECT DISTINCT ${keys.join(', ')} FROM (${passing})`])
      const matches = table.key.map(
        (column, index) =>
          `kept.${quoteIdentifier(column)} IS NOT DISTINCT FROM touched.${keyColumnName(index)}`,
      )
      const { metadata } = examined.staged ?? {}
      if (metadata === undefined) return passing
      const target = scanSql(metadata, await planScan(context, metadata))
      const kept = `(SELECT * FROM (${target}) AS kept SEMI JOIN ${KEYS_RELATION} AS touched ON ${matches.join(' AND ')})`
      return `SELECT ${[columnList(table), ...helpersOf(table)].join(', ')} FROM (${passing}) UNION ALL BY NAME ${withHelpers(table, kept)}`
    },
  }
}
