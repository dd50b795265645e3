import assert from 'node:assert/strict'
import type { DataFile } from '../format/manifest-types.ts'
import type { BronzeTable } from '../lake/lake.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import { randomUuid } from '../random.ts'
import { quoteLiteral } from '../sql-text.ts'
import { writeDataFiles } from '../table/data-files.ts'
import type { Engine } from '../table/engine.ts'
import { progressSummary } from '../table/progress.ts'
import { stageAppend } from '../table/stage-delta.ts'
import { stageNewTable } from '../table/stage-new-table.ts'
import { stageOverwrite } from '../table/stage-overwrite.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { PlannedFile } from './plan-load.ts'
import { BRONZE_QUARANTINE_COLUMNS, type RefusedTexts, refusedRowsSql } from './quarantine-table.ts'

export interface StageRowsRequest {
  readonly context: TableContext
  readonly engine: Engine
  readonly table: BronzeTable
  readonly transaction: Transaction
  readonly signal: AbortSignal | undefined
}

/** What a load gave. */
export interface LoadedRows {
  readonly files: readonly DataFile[]
  readonly planned: readonly PlannedFile[]
  /** Undefined: nothing was refused. */
  readonly refused: RefusedTexts | undefined
  readonly ingestedAtSql: string
}

/**
 * Stages the rows of a load and what it refused, instead of those of files that were replaced. The load is named in the
 * table's progress: a second one that started from the same state is refused when it commits, so that no file is
 * taken twice.
 */
export async function stageLoadedRows(request: StageRowsRequest, loaded: LoadedRows): Promise<void> {
  if (loaded.planned.every(file => file.change === 'touched')) return
  const { context, transaction, table } = request
  const replaced = loaded.planned.filter(file => file.change === 'replaced').map(sourceIs)
  // A line of NDJSON that was refused made no row.
  const reread = loaded.planned.filter(({ format }) => format === 'csv').flatMap(retractedRows)
  const gone = [...replaced, ...reread]
  await transaction.update(table.identifier, async staged => {
    assert(staged !== undefined, `${formatIdentifier(table.identifier)} was staged before its rows`)
    const kept = gone.length === 0 ? staged : await withoutRows(request, staged, gone)
    const summary = progressSummary({ load: randomUuid(context.random) })
    return await stageAppend(context, kept, loaded.files, { summary })
  })
  await stageRefused(request, loaded, replaced)
}

async function stageRefused(
  request: StageRowsRequest,
  { planned, refused, ingestedAtSql }: LoadedRows,
  replaced: readonly string[],
): Promise<void> {
  const { context, transaction, table } = request
  const identifier = quarantineIdentifier(table.identifier)
  const existing = await transaction.table(identifier)
  const retracted = existing === undefined ? [] : [...replaced, ...planned.flatMap(retractedRows)]
  if (refused === undefined && retracted.length === 0) return
  await transaction.update(identifier, async staged => {
    const quarantine =
      staged ?? (await stageNewTable(context, { identifier, columns: BRONZE_QUARANTINE_COLUMNS }))
    const kept = retracted.length === 0 ? quarantine : await withoutRows(request, quarantine, retracted)
    if (refused === undefined) return kept
    const select = refusedRowsSql(refused, ingestedAtSql)
    const files = await inSession(request, session =>
      writeDataFiles(context, session, kept.metadata, { select }),
    )
    return await stageAppend(context, kept, files)
  })
}

/** What is read again because its file grew where it ends. */
function retractedRows(file: PlannedFile): string[] {
  const from = file.growth?.retractsFrom
  return from === undefined ? [] : [`(${sourceIs(file)} AND _position >= ${from})`]
}

function sourceIs(file: PlannedFile): string {
  return `_source = ${quoteLiteral(file.source)}`
}

function withoutRows(
  request: StageRowsRequest,
  staged: StagedTable,
  conditions: readonly string[],
): Promise<StagedTable> {
  return inSession(request, session =>
    stageOverwrite(request.context, session, staged, { filterSql: conditions.join(' OR ') }),
  )
}

function inSession<T>(
  { engine, table, signal }: StageRowsRequest,
  work: Parameters<typeof engine.session<T>>[1],
): Promise<T> {
  return engine.session({ label: formatIdentifier(table.identifier), ...(signal && { signal }) }, work)
}
