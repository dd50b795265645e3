import type { LiveEntry } from '../format/manifest-types.ts'
import { currentSchema } from '../format/schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { castSql, writeDataFiles } from './data-files.ts'
import type { EngineSession } from './engine.ts'
import { type Hits, writePositionDeletes } from './position-deletes.ts'
import type { ScanPlan, ScanTask } from './scan.ts'
import { scanSql } from './scan-sql.ts'
import { type SnapshotSummary, stageDelta } from './stage-delta.ts'
import type { StagedTable, TableContext } from './staged-table.ts'

// Below this share of a file's rows, naming them in a delete file costs readers less than writing the rest again costs us.
const POSITION_DELETE_SHARE_MAX = 0.2

export interface RowChanges {
  /** The files that may hold rows to delete, with the deletes that apply to them. */
  readonly plan: ScanPlan
  /** The rows to delete: live rows of the plan, each once. */
  readonly hits: Hits
  /** One SELECT of the rows to add, columns matched by name; undefined adds none. */
  readonly select: string | undefined
  readonly summary: SnapshotSummary | undefined
}

/**
 * Stages a snapshot without the rows of `hits` and with those of `select`: a file of which all rows go is removed, one
 * that loses few gets position deletes, the rest are written again. No snapshot when that changes nothing.
 */
export async function stageRowChanges(
  context: TableContext,
  session: EngineSession,
  staged: StagedTable,
  changes: RowChanges,
): Promise<StagedTable> {
  const { metadata } = staged
  const split = splitByCost(changes.plan, await countHits(session, changes))
  const select = joinSelects(staged, split.rewrite, changes)
  const add = select === undefined ? [] : await writeDataFiles(context, session, metadata, { select })
  const addDeletes = await writePositionDeletes(context, session, metadata, split.delete, changes.hits)
  const gone = [...split.remove, ...split.rewrite]
  return stageDelta(context, staged, {
    // Never `append`: it would claim that the rows stand whatever else is committed at the same time.
    operation: add.length === 0 && gone.length + addDeletes.length > 0 ? 'delete' : 'overwrite',
    add,
    addDeletes,
    remove: [...gone.map(task => task.entry), ...deletesOnlyFor(gone)],
    ...(changes.summary === undefined ? {} : { summary: changes.summary }),
  })
}

async function countHits(session: EngineSession, { hits, plan }: RowChanges): Promise<Map<string, number>> {
  const file = quoteIdentifier(hits.file)
  const { rows } = await session.query(
    `SELECT ${file}, count(*) FROM ${quoteIdentifier(hits.table)} GROUP BY ${file}`,
    {
      rowsMax: plan.tasks.length,
    },
  )
  return new Map(rows.map(([path, count]) => [String(path), Number(count)]))
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
    // Delete files may name a row twice, so that only for a file without any the counts tell that no row is left.
    if (task.deletes.length === 0 && hitCount === recordCount) split.remove.push(task)
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

/** Rewritten and new rows go into the same files. */
function joinSelects(
  { metadata }: StagedTable,
  rewrite: readonly ScanTask[],
  { plan, hits, select }: RowChanges,
): string | undefined {
  const schema = currentSchema(metadata)
  const selects = select === undefined ? [] : [castSql(schema, select)]
  if (rewrite.length > 0) {
    const file = quoteIdentifier(hits.file)
    const row = quoteIdentifier(hits.row)
    const columns = schema.fields.map(field => `s.${quoteIdentifier(field.name)}`).join(', ')
    const source = scanSql(metadata, { ...plan, tasks: rewrite }, { positions: hits })
    const isHit = `SELECT 1 FROM ${quoteIdentifier(hits.table)} AS h WHERE h.${file} = s.${file} AND h.${row} = s.${row}`
    selects.push(`SELECT ${columns} FROM (${source}) AS s WHERE NOT EXISTS (${isHit})`)
  }
  return selects.length === 0 ? undefined : selects.join('\nUNION ALL\n')
}

/** Delete files that name rows of removed files alone. */
function deletesOnlyFor(tasks: readonly ScanTask[]): LiveEntry[] {
  return tasks.flatMap(task =>
    task.deletes
      .map(({ entry }) => entry)
      .filter(({ file }) => file.referencedDataFile === task.entry.file.filePath),
  )
}
