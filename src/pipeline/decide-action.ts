import { currentSchema } from '../format/schema.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import type { ExaminedTable } from './examine-table.ts'
import { changeKind, exchangedColumn, type InputState } from './input-changes.ts'
import type { PreparedTable } from './prepared-table.ts'
import { hasQuarantine, quarantineSnapshot } from './quarantine-table.ts'
import { inputName, type RefreshProgress } from './refresh-progress.ts'
import type { TableAction } from './run-report.ts'
import { schemaChanges } from './schema-changes.ts'
import type { DerivedTable } from './winning-rows.ts'

/** What is done with a table, and why. */
export interface RefreshDecision {
  readonly action: TableAction
  readonly reason: string
}

/** A decision from metadata alone, with what the rows may make of it. */
export interface ForeseenDecision extends RefreshDecision {
  /** What makes a recompute of an append or merge: `rows of silver.orders are gone or changed`. */
  readonly fullIf?: string
  /** What to do about a refusal. */
  readonly hint?: string
}

/** An input that the run changes before the table. */
export interface MovingInput {
  /** `silver.orders` */
  readonly name: string
  /** Whether rows of it may go; else they only come. */
  readonly mayLoseRows: boolean
}

/** What a decision depends on besides the table's own state. */
export interface Circumstances {
  readonly fullRefresh: boolean
  /** That the table must be rebuilt, which it was not asked to be. */
  readonly rebuild: { readonly reason: string; readonly hint: string } | undefined
  /** Why an input of it is not brought up to date by this run, and so neither is the table. */
  readonly lost: string | undefined
  /** While a run is planned; once it stages a table, the changes of its inputs are there. */
  readonly moving: readonly MovingInput[]
}

/** Why what reads a table is left out, where that one failed, must be rebuilt or is left out itself. */
export function lostReason(
  table: string,
  { rebuild, lost }: Pick<Circumstances, 'rebuild' | 'lost'>,
): string {
  return rebuild === undefined ? (lost ?? `${table} failed`) : `${table} must be rebuilt first`
}

/** Whether the decision needs the table prepared: that nothing is due, or that it is new, shows without. */
export function needsPreparation(examined: ExaminedTable, circumstances: Circumstances): boolean {
  const { action } = decideAction(examined, undefined, circumstances)
  return action !== 'skip' && action !== 'create' && action !== 'refuse'
}

/**
 * What is to be done with a table, and why: for a plan and for a run alike. `prepared` may be left out when needsPreparation says
 * so.
 */
export function decideAction(
  examined: ExaminedTable,
  prepared: PreparedTable | undefined,
  circumstances: Circumstances,
): ForeseenDecision {
  const { table, staged, progress } = examined
  const { rebuild, lost, fullRefresh } = circumstances
  if (rebuild !== undefined) return { action: 'refuse', ...rebuild }
  if (lost !== undefined) return { action: 'refuse', reason: lost }
  const missing = missingInput(examined, circumstances)
  if (missing !== undefined)
    return {
      action: 'refuse',
      reason: `it reads ${missing}, which was never made`,
      hint: `run ${missing} first`,
    }
  if (staged === undefined) return { action: 'create', reason: 'it is new' }
  if (fullRefresh) return { action: 'full', reason: 'a full refresh was asked for' }
  if (progress === undefined) {
    if (currentSnapshot(staged.metadata) === undefined) return { action: 'create', reason: 'it is empty' }
    return { action: 'full', reason: 'the table does not say what it was made from' }
  }
  const anew = reasonToRecompute(examined, progress)
  if (anew !== undefined) return { action: 'full', reason: anew }
  const changes = foresee(examined, circumstances)
  if (changes.every(({ kind }) => kind === 'none')) return { action: 'skip', reason: 'no input changed' }
  return table.kind === 'map' ? decideMap(table, changes) : decideQuery(prepared, changes)
}

function missingInput({ table, inputs }: ExaminedTable, { moving }: Circumstances): string | undefined {
  const known = new Set([
    ...inputs.map(({ identifier }) => inputName(identifier)),
    ...moving.map(({ name }) => name),
  ])
  return table.inputs.map(inputName).find(name => !known.has(name))
}

/** Why the state of the table, or of what it was made from, does not let changes be followed. */
function reasonToRecompute(examined: ExaminedTable, progress: RefreshProgress): string | undefined {
  const { table, staged, inputs, quarantine } = examined
  if (progress.definition !== table.definitionHash) return 'its definition has new columns or expectations'
  // Rows that are kept would have nulls where a column was taken away and comes again.
  if (staged !== undefined && schemaChanges(currentSchema(staged.metadata), table.columns).length > 0)
    return 'its columns were changed by somebody else'
  if (quarantineSnapshot(quarantine?.metadata) !== progress.quarantine && hasQuarantine(table))
    return 'its quarantine table was changed or rolled back by itself'
  for (const name of table.inputs.map(inputName)) {
    const input = inputs.find(({ identifier }) => inputName(identifier) === name)
    const previousId = progress.inputs.get(name)
    if (previousId === undefined) return `it was made without ${name}`
    // One that the catalog lacks is made again by the run that is planned.
    const isGone = input === undefined ? previousId !== null : input.changes === 'expired'
    if (isGone) return `snapshot ${previousId} of ${name}, which it was made from, is gone`
    const column = input && exchangedColumn(input)
    if (column !== undefined) return `column ${column} of ${name} is another one than it was made from`
  }
  return undefined
}

/** How an input changed, or will have when the table's turn comes; `mixed`: rows may be gone. */
interface ForeseenChange {
  readonly input: number
  readonly name: string
  readonly kind: ReturnType<typeof changeKind>
}

function foresee({ table, inputs }: ExaminedTable, { moving }: Circumstances): readonly ForeseenChange[] {
  return table.inputs.map(inputName).map((name, input) => {
    const state: InputState | undefined = inputs.find(candidate => candidate.input === input)
    const kind = state === undefined ? 'none' : changeKind(state)
    const move = moving.find(candidate => candidate.name === name)
    if (move === undefined || kind === 'mixed') return { input, name, kind }
    return { input, name, kind: move.mayLoseRows ? 'mixed' : 'inserts' }
  })
}

function decideQuery(
  prepared: PreparedTable | undefined,
  changes: readonly ForeseenChange[],
): ForeseenDecision {
  const queries = prepared?.queries
  if (queries === undefined || queries.strategy === 'full')
    return { action: 'full', reason: queries?.reason ?? 'its query is not understood' }
  if (queries.strategy === 'keys') return { action: 'keys', reason: queries.reason }
  const others = changes.filter(({ input, kind }) => input !== queries.drivingInput && kind !== 'none')
  const certain = others.find(({ kind }) => kind === 'inserts')
  if (certain !== undefined) return { action: 'full', reason: otherInputChanged(certain.name) }
  const [other] = others
  const driving = changes.find(({ input }) => input === queries.drivingInput)
  const decision: RefreshDecision = { action: 'append', reason: queries.reason }
  if (other !== undefined) return { ...decision, fullIf: `rows of ${other.name} changed` }
  return driving === undefined ? decision : { ...decision, ...unlessRowsAreGone(driving) }
}

/** The reason of a recompute where rows came to, or went from, an input whose rows the table's do not follow. */
export function otherInputChanged(name: string): string {
  return `${name} changed, and the table has no key to find its rows by`
}

function decideMap(table: DerivedTable, changes: readonly ForeseenChange[]): ForeseenDecision {
  const [change] = changes
  const fullIf = change === undefined ? {} : unlessRowsAreGone(change)
  if (table.key.length === 0)
    return { action: 'append', reason: 'row by row through its map function', ...fullIf }
  if (table.deleteWhen !== undefined)
    return { action: 'full', reason: 'deleteWhen of a map table needs all rows of a key' }
  return { action: 'keys', reason: `by ${table.key.join(', ')}`, ...fullIf }
}

function unlessRowsAreGone({ name, kind }: ForeseenChange): Pick<ForeseenDecision, 'fullIf'> {
  return kind === 'mixed' ? { fullIf: `rows of ${name} are gone or changed` } : {}
}
