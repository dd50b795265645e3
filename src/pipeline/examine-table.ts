import { currentSchema } from '../format/schema.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import { quarantineIdentifier } from '../lake/quarantine.ts'
import type { StagedTable, TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { breakingChange, DEFINITION_PROPERTY, parseDefinitionParts } from './definition-parts.ts'
import { changeKind, type InputState, loadInputs } from './input-changes.ts'
import type { PreparedTable } from './prepared-table.ts'
import { hasQuarantine, quarantineSnapshot } from './quarantine-table.ts'
import { type RefreshProgress, readRefreshProgress } from './refresh-progress.ts'
import type { TableAction } from './run-report.ts'
import { removedColumns, schemaChanges } from './schema-changes.ts'
import type { DerivedTable } from './winning-rows.ts'

/** A derived table and its inputs, as a run finds them. */
export interface ExaminedTable {
  readonly table: DerivedTable
  /** Undefined: it is not there yet. */
  readonly staged: StagedTable | undefined
  readonly quarantine: StagedTable | undefined
  readonly progress: RefreshProgress | undefined
  readonly inputs: readonly InputState[]
}

export interface RefreshDecision {
  readonly action: TableAction
  readonly reason: string
}

/** Reads the metadata that decides what is due for a table. */
export async function examineTable(
  context: TableContext,
  transaction: Transaction,
  table: DerivedTable,
): Promise<ExaminedTable> {
  const staged = await transaction.table(table.identifier)
  const quarantine = await transaction.table(quarantineIdentifier(table.identifier))
  const progress = staged === undefined ? undefined : readRefreshProgress(staged.metadata)
  return {
    table,
    staged,
    quarantine,
    progress,
    inputs: await loadInputs(context, transaction, table, progress),
  }
}

/** Whether the decision needs the table prepared: that nothing is due, or that it is new, shows without. */
export function needsPreparation(examined: ExaminedTable): boolean {
  const { action } = decideAction(examined, undefined, { fullRefresh: false })
  return isRedefined(examined) || (action !== 'skip' && action !== 'create')
}

function isRedefined({ table, staged, progress }: ExaminedTable): boolean {
  return progress === undefined
    ? staged?.metadata.properties[DEFINITION_PROPERTY] !== undefined
    : progress.definition !== table.definitionHash
}

/** What is to be done with a table, and why. `prepared` may be left out when needsPreparation says so. */
export function decideAction(
  examined: ExaminedTable,
  prepared: PreparedTable | undefined,
  options: { readonly fullRefresh: boolean },
): RefreshDecision {
  const { table, staged, progress } = examined
  if (staged === undefined) return { action: 'create', reason: 'it is new' }
  if (options.fullRefresh) return { action: 'full', reason: 'a full refresh was asked for' }
  if (isRedefined(examined) && prepared !== undefined) {
    const redefined = decideRedefined(staged, table, prepared)
    if (redefined !== undefined) return redefined
  }
  if (progress === undefined) {
    if (currentSnapshot(staged.metadata) === undefined) return { action: 'create', reason: 'it is empty' }
    return { action: 'full', reason: 'the table does not say what it was made from' }
  }
  return decideByInputs(examined, progress, prepared)
}

/** What a changed definition asks for; undefined when it is the same in all that the table keeps of it. */
function decideRedefined(
  staged: StagedTable,
  table: DerivedTable,
  prepared: PreparedTable,
): RefreshDecision | undefined {
  const previous = parseDefinitionParts(staged.metadata.properties[DEFINITION_PROPERTY])
  const broken =
    previous === undefined ? 'how it was made is not known' : breakingChange(previous, prepared.parts)
  if (broken !== undefined) return { action: 'refuse', reason: `its definition changed: ${broken}` }
  const [column] = removedColumns(currentSchema(staged.metadata), table.columns)
  if (column !== undefined) return { action: 'refuse', reason: `column ${column} is gone or of another type` }
  const readable = readRefreshProgress(staged.metadata)
  if (readable === undefined) return undefined
  return readable.definition === table.definitionHash
    ? undefined
    : { action: 'full', reason: 'its definition has new columns or expectations' }
}

function decideByInputs(
  examined: ExaminedTable,
  progress: RefreshProgress,
  prepared: PreparedTable | undefined,
): RefreshDecision {
  const { table, staged, inputs, quarantine } = examined
  // Rows that are kept would have nulls where a column was taken away and comes again.
  if (staged !== undefined && schemaChanges(currentSchema(staged.metadata), table.columns).length > 0)
    return { action: 'full', reason: 'its columns were changed by somebody else' }
  if (quarantineSnapshot(quarantine?.metadata) !== progress.quarantine && hasQuarantine(table))
    return { action: 'full', reason: 'its quarantine table was changed or rolled back by itself' }
  for (const input of inputs) {
    const name = formatIdentifier(input.identifier)
    if (input.previous === undefined) return { action: 'full', reason: `it was made without ${name}` }
    if (input.changes === 'expired')
      return {
        action: 'full',
        reason: `snapshot ${input.previous.snapshotId} of ${name}, which it was made from, is gone`,
      }
  }
  if (inputs.every(input => changeKind(input) === 'none'))
    return { action: 'skip', reason: 'no input changed' }
  return decideByChanges(examined, prepared, input => changeKind(input) === 'inserts')
}

/** How changes of inputs are followed. `hasInserts`: whether rows came to an input; those that go show only while the run reads them. */
export function decideByChanges(
  examined: ExaminedTable,
  prepared: PreparedTable | undefined,
  hasInserts: (input: InputState) => boolean,
): RefreshDecision {
  return examined.table.kind === 'map' ? decideMap(examined) : decideQuery(examined, prepared, hasInserts)
}

function decideQuery(
  { inputs }: ExaminedTable,
  prepared: PreparedTable | undefined,
  hasInserts: (input: InputState) => boolean,
): RefreshDecision {
  const queries = prepared?.queries
  if (queries === undefined || queries.strategy === 'full')
    return { action: 'full', reason: queries?.reason ?? 'its query is not understood' }
  if (queries.strategy === 'keys') return { action: 'keys', reason: queries.reason }
  const other = inputs.find(input => input.input !== queries.drivingInput && hasInserts(input))
  if (other === undefined) return { action: 'append', reason: queries.reason }
  return {
    action: 'full',
    reason: `${formatIdentifier(other.identifier)} changed, and the table has no key to find its rows by`,
  }
}

function decideMap({ table }: ExaminedTable): RefreshDecision {
  if (table.key.length === 0) return { action: 'append', reason: 'row by row through its map function' }
  if (table.deleteWhen !== undefined)
    return { action: 'full', reason: 'deleteWhen of a map table needs all rows of a key' }
  return { action: 'keys', reason: `by ${table.key.join(', ')}` }
}
