import { isIngotError } from '../errors.ts'
import type { BronzeTable, Lake, LakeTable } from '../lake/lake.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan, type ScanTask } from '../table/scan.ts'
import { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import type { LoadPlan } from './bronze-loader.ts'
import {
  decideAction,
  decideByChanges,
  type ExaminedTable,
  examineTable,
  needsPreparation,
  type RefreshDecision,
} from './examine-table.ts'
import type { InputState } from './input-changes.ts'
import { type PreparedTable, prepareTable } from './prepared-table.ts'
import { inputsAmong, type PipelineDependencies, type PlanOptions, selectTables } from './run-options.ts'
import type { RunPlan, TablePlan } from './run-report.ts'
import type { DerivedTable } from './winning-rows.ts'

type PlanDependencies = Pick<PipelineDependencies, 'context' | 'engine' | 'loader'>

/** Says what a run would do with each table, and why, from metadata alone: no rows are read, nothing is changed. */
export async function planRun(
  dependencies: PlanDependencies,
  lake: Lake,
  options: PlanOptions = {},
): Promise<RunPlan> {
  const { tables, isFullRefresh } = selectTables(lake, options)
  const transaction = new Transaction(dependencies.context)
  const plans = new Map<LakeTable, TablePlan>()
  // The loader has sessions of its own: where there is one worker, one that waits within another waits for ever.
  for (const table of tables) {
    if (table.kind === 'bronze') plans.set(table, await planLoad(dependencies, transaction, table))
  }
  await dependencies.engine.session({ label: 'plan' }, async session => {
    const planner: Planner = { ...dependencies, lake, session, transaction }
    for (const table of tables) {
      if (table.kind === 'bronze') continue
      const moving = inputsAmong(table, tables).filter(
        input => !['skip', 'refuse'].includes(plans.get(input)?.action ?? 'skip'),
      )
      plans.set(table, await planDerived(planner, table, { fullRefresh: isFullRefresh(table), moving }))
    }
  })
  return { tables: tables.flatMap(table => plans.get(table) ?? []) }
}

interface Planner extends PlanDependencies {
  readonly lake: Lake
  readonly session: EngineSession
  readonly transaction: Transaction
}

async function planLoad(
  { loader }: PlanDependencies,
  transaction: Transaction,
  table: BronzeTable,
): Promise<TablePlan> {
  const name = formatIdentifier(table.identifier)
  let plan: LoadPlan
  try {
    plan = await loader.plan(table, transaction)
  } catch (error) {
    // A run would leave this table out and go on with the others: so does the plan.
    if (!isIngotError(error, 'SOURCE_CHANGED')) throw error
    return { table: name, action: 'refuse', reason: error.message, files: 0, rows: 0, bytes: 0 }
  }
  const { files, bytes } = plan
  if (files === 0)
    return { table: name, action: 'skip', reason: 'its sources have nothing new', files, rows: 0, bytes }
  return { table: name, action: 'load', reason: 'its sources have something new', files, rows: 0, bytes }
}

interface DerivedPlanOptions {
  readonly fullRefresh: boolean
  /** Inputs that the run will change first. */
  readonly moving: readonly LakeTable[]
}

async function planDerived(
  planner: Planner,
  table: DerivedTable,
  options: DerivedPlanOptions,
): Promise<TablePlan> {
  const name = formatIdentifier(table.identifier)
  const examined = await examineIfMade(planner, table)
  if (examined === undefined)
    return {
      table: name,
      action: 'create',
      reason: 'it is new, and so are inputs of it',
      files: 0,
      rows: 0,
      bytes: 0,
    }
  const prepared =
    needsPreparation(examined) || options.moving.length > 0
      ? await prepareTable(planner.session, planner.lake, table)
      : undefined
  const decision = decideAction(examined, prepared, options)
  const foreseen =
    decision.action === 'skip' && options.moving.length > 0
      ? foresee(examined, prepared, options.moving)
      : decision
  return { table: name, ...foreseen, ...(await measure(planner, examined, foreseen)) }
}

/** The examined table, or undefined while inputs of it are to be made by the same run. */
async function examineIfMade(
  { context, transaction }: Planner,
  table: DerivedTable,
): Promise<ExaminedTable | undefined> {
  try {
    return await examineTable(context, transaction, table)
  } catch (error) {
    if (isIngotError(error, 'TABLE_NOT_FOUND')) return undefined
    throw error
  }
}

/** What is to be expected of a table that is up to date until its inputs change in the same run. */
function foresee(
  examined: ExaminedTable,
  prepared: PreparedTable | undefined,
  moving: readonly LakeTable[],
): RefreshDecision {
  const names = moving.map(({ identifier }) => formatIdentifier(identifier))
  const isMoving = (input: InputState): boolean => names.includes(formatIdentifier(input.identifier))
  const { action, reason } = decideByChanges(examined, prepared, isMoving)
  return { action, reason: `${reason}, once ${names.join(', ')} changed` }
}

/** What there is to read: the files that changed, or all of them. */
async function measure(
  { context }: Planner,
  { inputs }: ExaminedTable,
  { action }: RefreshDecision,
): Promise<Pick<TablePlan, 'files' | 'rows' | 'bytes'>> {
  if (action === 'skip' || action === 'refuse') return { files: 0, rows: 0, bytes: 0 }
  const tasks: ScanTask[] = []
  for (const { metadata, changes } of inputs) {
    if (action === 'create' || action === 'full') tasks.push(...(await planScan(context, metadata)).tasks)
    else if (changes !== undefined && changes !== 'expired')
      tasks.push(...changes.added.tasks, ...changes.removed.tasks)
  }
  const sum = (of: (task: ScanTask) => number): number => tasks.reduce((total, task) => total + of(task), 0)
  return {
    files: tasks.length,
    rows: sum(({ entry }) => entry.file.recordCount),
    bytes: sum(({ entry }) => entry.file.fileSizeBytes),
  }
}
