import { isIngotError } from '../errors.ts'
import type { BronzeTable, Lake, LakeTable } from '../lake/lake.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan, type ScanTask } from '../table/scan.ts'
import { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import {
  type Circumstances,
  decideAction,
  type ForeseenDecision,
  lostReason,
  type MovingInput,
  needsPreparation,
} from './decide-action.ts'
import { decideLoad } from './decide-load.ts'
import { type ExaminedTable, examineTable } from './examine-table.ts'
import { findRebuilds, type Rebuilds } from './find-rebuilds.ts'
import { prepareTable } from './prepared-table.ts'
import {
  inputsAmong,
  type PipelineDependencies,
  type PlanOptions,
  type SelectedTables,
  selectTables,
} from './run-options.ts'
import type { RunPlan, TablePlan } from './run-report.ts'
import type { DerivedTable } from './winning-rows.ts'

type PlanDependencies = Pick<PipelineDependencies, 'context' | 'engine' | 'loader'>

/** A table's plan, and what it means for those that read the table. */
interface Planned {
  readonly plan: TablePlan
  /** Undefined: the run will not change the table. */
  readonly moving: MovingInput | undefined
  /** Why what reads it will be left out. */
  readonly lost: string | undefined
}

/** Says what a run would do with each table, and why, from metadata alone: no rows are read, nothing is changed. */
export async function planRun(
  dependencies: PlanDependencies,
  lake: Lake,
  options: PlanOptions = {},
): Promise<RunPlan> {
  const { engine, context } = dependencies
  const selected = selectTables(lake, options)
  const transaction = new Transaction(context)
  const rebuilds = await findRebuilds({ engine, lake, transaction }, selected)
  const planned = new Map<LakeTable, Planned>()
  // The loader has sessions of its own: where there is one worker, one that waits within another waits for ever.
  for (const table of selected.tables) {
    if (table.kind === 'bronze') planned.set(table, await planLoad(dependencies, transaction, table))
  }
  await engine.session({ label: 'plan' }, async session => {
    const planner: Planner = { ...dependencies, lake, session, transaction, selected, rebuilds, planned }
    for (const table of selected.tables) {
      if (table.kind !== 'bronze') planned.set(table, await planDerived(planner, table))
    }
  })
  return { tables: selected.tables.flatMap(table => planned.get(table)?.plan ?? []) }
}

interface Planner extends PlanDependencies {
  readonly lake: Lake
  readonly session: EngineSession
  readonly transaction: Transaction
  readonly selected: SelectedTables
  readonly rebuilds: Rebuilds
  /** Of the tables so far: inputs come before what reads them. */
  readonly planned: ReadonlyMap<LakeTable, Planned>
}

const NOTHING_TO_READ = { after: [], notes: [], files: 0, rows: 0, bytes: 0 }

async function planLoad(
  { loader }: PlanDependencies,
  transaction: Transaction,
  table: BronzeTable,
): Promise<Planned> {
  const name = formatIdentifier(table.identifier)
  try {
    const { plan, decision } = await decideLoad(loader, transaction, table)
    const { files, bytes, notes } = plan
    return {
      plan: { table: name, ...decision, ...NOTHING_TO_READ, files, bytes, notes },
      moving: decision.action === 'skip' ? undefined : { name, mayLoseRows: mayReplaceRows(table) },
      lost: undefined,
    }
  } catch (error) {
    return planFailure(name, error)
  }
}

function mayReplaceRows({ sources }: BronzeTable): boolean {
  return sources.some(({ onChange }) => onChange === 'replace')
}

/** A run would leave the table out, with what reads it, and go on with the others: so does the plan. */
function planFailure(table: string, error: unknown): Planned {
  if (!isIngotError(error)) throw error
  const { message, hint } = error
  const refusal: ForeseenDecision = {
    action: 'refuse',
    reason: message,
    ...(hint === undefined ? {} : { hint }),
  }
  return {
    plan: { table, ...refusal, ...NOTHING_TO_READ },
    moving: undefined,
    lost: lostReason(table, { rebuild: undefined, lost: undefined }),
  }
}

async function planDerived(planner: Planner, table: DerivedTable): Promise<Planned> {
  const name = formatIdentifier(table.identifier)
  const circumstances = circumstancesOf(planner, table)
  try {
    const examined = await examineTable(planner.context, planner.transaction, table)
    const prepared = needsPreparation(examined, circumstances)
      ? await prepareTable(planner.session, planner.lake, table)
      : undefined
    const decision = decideAction(examined, prepared, circumstances)
    const { action } = decision
    const isRefused = action === 'refuse'
    return {
      plan: {
        table: name,
        ...decision,
        ...NOTHING_TO_READ,
        notes: table.kind === 'query' ? (table.notes ?? []) : [],
        after: awaitedInputs(examined, circumstances),
        ...(await measure(planner, examined, decision)),
      },
      moving: isRefused || action === 'skip' ? undefined : { name, mayLoseRows: mayReplace(decision) },
      lost: isRefused ? lostReason(name, circumstances) : undefined,
    }
  } catch (error) {
    return planFailure(name, error)
  }
}

function mayReplace({ action, fullIf }: ForeseenDecision): boolean {
  return action === 'keys' || action === 'full' || fullIf !== undefined
}

function circumstancesOf({ selected, rebuilds, planned }: Planner, table: DerivedTable): Circumstances {
  const inputs = inputsAmong(table, selected.tables).map(input => planned.get(input))
  return {
    fullRefresh: selected.isFullRefresh(table),
    rebuild: rebuilds.get(table),
    lost: inputs.find(input => input?.lost !== undefined)?.lost,
    moving: inputs.flatMap(input => input?.moving ?? []),
  }
}

/** The inputs that must change before there is anything to do, or to read. */
function awaitedInputs(examined: ExaminedTable, circumstances: Circumstances): readonly string[] {
  const { action } = decideAction(examined, undefined, { ...circumstances, moving: [] })
  const { action: foreseen } = decideAction(examined, undefined, circumstances)
  const isAwaited = action !== foreseen && (action === 'skip' || action === 'refuse')
  return isAwaited ? circumstances.moving.map(({ name }) => name) : []
}

/** What there is to read: the files that changed, or all of them. */
async function measure(
  { context }: Planner,
  { inputs }: ExaminedTable,
  { action }: ForeseenDecision,
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
