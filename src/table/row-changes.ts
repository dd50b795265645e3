import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import type { Schema } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { castSql, writeDataFiles } from './data-files.ts'
import type { EngineSession } from './engine.ts'
import type { Hits } from './position-deletes.ts'
import { deletesByPositionOf, writeRowDeletes } from './row-deletes.ts'
import { lineageColumnsFor, unusedName } from './row-lineage.ts'
import type { ScanPlan, ScanTask } from './scan.ts'
import { scanSql } from './scan-sql.ts'
import { type SnapshotSummary, stageDelta } from './stage-delta.ts'
import type { StagedTable, TableContext } from './staged-table.ts'
import { withWriteDefaults } from './with-write-defaults.ts'

// Below this share of a file's rows, naming them in a delete file costs readers less than writing the rest again costs us.
const POSITION_DELETE_SHARE_MAX = 0.2

export interface RowChanges {
  /** The files that may hold rows to delete, with the deletes that apply to them. */
  readonly plan: ScanPlan
  /** What follows `FROM … AS s` in SQL so that the rows to delete are left: a WHERE clause or a semi-join, over columns of `s`. */
  readonly restriction: string
  /** The columns that the restriction reads. */
  readonly columns: readonly string[]
  /** One SELECT of the rows to add, columns matched by name; undefined adds none. */
  readonly select: string | undefined
  readonly summary: SnapshotSummary | undefined
}

/**
 * Stages a snapshot without the rows that the restriction leaves and with those of `select`: a file of which all rows go
 * is removed, one that loses few gets deletes by position, the rest are written again. No snapshot when that changes nothing.
 */
export async function stageRowChanges(
  context: TableContext,
  session: EngineSession,
  staged: StagedTable,
  changes: RowChanges,
): Promise<StagedTable> {
  const { metadata } = staged
  const hits = hitsFor(currentSchema(metadata))
  const split = splitByCost(changes.plan, await collectHits(session, metadata, hits, changes))
  const supplied =
    changes.select && (await withWriteDefaults(session, currentSchema(metadata), changes.select))
  const select = joinSelects(metadata, split.rewrite, hits, { ...changes, select: supplied })
  const lineage = keepsLineage(metadata, split.rewrite)
  const add =
    select === undefined ? [] : await writeDataFiles(context, session, metadata, { select, lineage })
  const deletes = await writeRowDeletes(context, session, metadata, split.delete, hits)
  await session.query(`DROP TABLE IF EXISTS ${quoteIdentifier(hits.table)}`)
  const gone = [...split.remove, ...split.rewrite]
  return stageDelta(context, staged, {
    // Never `append`: it would claim that the rows stand whatever else is committed at the same time.
    operation: add.length === 0 && gone.length + deletes.add.length > 0 ? 'delete' : 'overwrite',
    add,
    addDeletes: deletes.add,
    remove: [...gone.map(task => task.entry), ...gone.flatMap(deletesByPositionOf), ...deletes.remove],
    ...(changes.summary === undefined ? {} : { summary: changes.summary }),
  })
}

/** Names for the positions of rows that no column of the table has. */
function hitsFor(schema: Schema): Hits {
  return { table: '__ingot_hits', file: unusedName(schema, '__file'), row: unusedName(schema, '__row') }
}

/** Finds the rows to delete and keeps their positions in a temporary table; returns how many each file has. */
async function collectHits(
  session: EngineSession,
  metadata: TableMetadata,
  hits: Hits,
  { plan, columns, restriction }: RowChanges,
): Promise<Map<string, number>> {
  if (plan.tasks.length === 0) return new Map()
  const table = quoteIdentifier(hits.table)
  const file = quoteIdentifier(hits.file)
  const source = scanSql(metadata, plan, { columns, positions: hits })
  const positions = `SELECT s.${file}, s.${quoteIdentifier(hits.row)} FROM (${source}) AS s ${restriction}`
  await hashRightSides(session, () => session.query(`CREATE OR REPLACE TEMP TABLE ${table} AS ${positions}`))
  const { rows } = await session.query(`SELECT ${file}, count(*) FROM ${table} GROUP BY ${file}`, {
    rowsMax: plan.tasks.length,
  })
  return new Map(rows.map(([path, count]) => [String(path), Number(count)]))
}

/**
 * Runs `statement` with the right side of every join hashed, as it is written. Files read by field id have no statistics: the engine
 * takes each for 1,000 rows, and would hash a table of few big files instead of the few keys (of 5,000,000 rows: 0.8 instead of 0.1
 * CPU seconds).
 */
async function hashRightSides(session: EngineSession, statement: () => Promise<unknown>): Promise<void> {
  await session.query("SET disabled_optimizers = 'build_side_probe_side'")
  try {
    await statement()
  } finally {
    await session.query('RESET disabled_optimizers')
  }
}

interface TasksByCost {
  readonly remove: readonly ScanTask[]
  readonly delete: readonly ScanTask[]
  readonly rewrite: readonly ScanTask[]
}

function splitByCost(plan: ScanPlan, hitCounts: ReadonlyMap<string, number>): TasksByCost {
  const split = { remove: [] as ScanTask[], delete: [] as ScanTask[], rewrite: [] as ScanTask[] }
  for (const task of plan.tasks) {
    const hitCount = hitCounts.get(task.enginePath)
    if (hitCount === undefined) continue
    const { recordCount } = task.entry.file
    if (hitCount === recordCount) split.remove.push(task)
    else if (hitCount + deletedBefore(task) < recordCount * POSITION_DELETE_SHARE_MAX) split.delete.push(task)
    else split.rewrite.push(task)
  }
  return split
}

function deletedBefore(task: ScanTask): number {
  return task.deletes.reduce((rows, { entry: { file } }) => {
    return file.referencedDataFile === undefined ? rows : rows + file.recordCount
  }, 0)
}

/** Whether rows that are written again keep their ids (Iceberg spec, "Row Lineage"). */
function keepsLineage(metadata: TableMetadata, rewrite: readonly ScanTask[]): boolean {
  return metadata['format-version'] >= 3 && rewrite.length > 0
}

/** Rewritten and new rows go into the same files. */
function joinSelects(
  metadata: TableMetadata,
  rewrite: readonly ScanTask[],
  hits: Hits,
  { plan, select }: RowChanges,
): string | undefined {
  const schema = currentSchema(metadata)
  const lineage = keepsLineage(metadata, rewrite) ? lineageColumnsFor(schema) : undefined
  const lineageNames = lineage === undefined ? [] : [lineage.rowId, lineage.lastUpdated].map(quoteIdentifier)
  const isNew = lineageNames.map(name => `, NULL::BIGINT AS ${name}`).join('')
  const selects = select === undefined ? [] : [`SELECT *${isNew} FROM (${castSql(schema, select)})`]
  if (rewrite.length > 0) {
    const file = quoteIdentifier(hits.file)
    const row = quoteIdentifier(hits.row)
    const names = [...schema.fields.map(field => quoteIdentifier(field.name)), ...lineageNames]
    const columns = names.map(name => `s.${name}`).join(', ')
    const options = lineage === undefined ? { positions: hits } : { positions: hits, lineage }
    const source = scanSql(metadata, { ...plan, tasks: rewrite }, options)
    const isHit = `SELECT 1 FROM ${quoteIdentifier(hits.table)} AS h WHERE h.${file} = s.${file} AND h.${row} = s.${row}`
    selects.push(`SELECT ${columns} FROM (${source}) AS s WHERE NOT EXISTS (${isHit})`)
  }
  return selects.length === 0 ? undefined : selects.join('\nUNION ALL\n')
}
