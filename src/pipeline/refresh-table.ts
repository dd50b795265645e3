import assert from 'node:assert/strict'
import { IngotError } from '../errors.ts'
import type { Lake } from '../lake/lake.ts'
import type { Engine } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import {
  type Circumstances,
  decideAction,
  type ForeseenDecision,
  type RefreshDecision,
} from './decide-action.ts'
import { type ExaminedTable, examineTable } from './examine-table.ts'
import { prepareTable } from './prepared-table.ts'
import type { RefreshContext, RefreshOutcome } from './refresh-context.ts'
import { refreshMap } from './refresh-map.ts'
import { refreshQuery } from './refresh-query.ts'
import type { DerivedTable } from './winning-rows.ts'

export interface RefreshOptions {
  readonly context: TableContext
  readonly engine: Engine
  readonly lake: Lake
  readonly transaction: Transaction
  readonly run: RefreshContext['run']
  readonly circumstances: Circumstances
  readonly signal?: AbortSignal
  /** Called when it is known what is to be done, before it is. */
  readonly onDecision?: (decision: RefreshDecision) => void
}

const NOTHING = { rowsAdded: 0, rowsDeleted: 0, rowsQuarantined: 0, expectations: [] }

/**
 * Stages in the transaction what brings a derived table up to date with its inputs, those that the transaction has staged included.
 * @throws PLAN_REFUSED when it must be rebuilt; TABLE_NOT_FOUND for an input that was never made; EXPECTATION_FAILED
 */
export async function refreshTable(table: DerivedTable, options: RefreshOptions): Promise<RefreshOutcome> {
  const { circumstances, onDecision, signal } = options
  const examined = await examineTable(options.context, options.transaction, table)
  const early = decideAction(examined, undefined, circumstances)
  if (early.action === 'skip' || isLeftOut(early, circumstances)) {
    return { action: early.action, reason: early.reason, ...NOTHING }
  }
  if (early.action === 'refuse') {
    onDecision?.(early)
    throw refusedError(table, early, circumstances)
  }
  const label = formatIdentifier(table.identifier)
  return options.engine.session({ label, ...(signal === undefined ? {} : { signal }) }, async session => {
    const prepared = await prepareTable(session, options.lake, table)
    const { action, reason } = decideAction(examined, prepared, circumstances)
    const decision = { action, reason }
    onDecision?.(decision)
    return refresh({ ...options, session, examined, prepared }, decision)
  })
}

function refresh(
  context: RefreshContext & { examined: ExaminedTable },
  decision: RefreshDecision,
): Promise<RefreshOutcome> {
  const { table } = context.examined
  if (table.kind === 'map') return refreshMap(context, table, decision)
  const { queries } = context.prepared
  assert(queries !== undefined, `${formatIdentifier(table.identifier)} was not prepared`)
  return refreshQuery(context, queries, decision)
}

/** Whether nothing is wrong with the table itself. */
function isLeftOut({ action }: RefreshDecision, { rebuild, lost }: Circumstances): boolean {
  return action === 'refuse' && rebuild === undefined && lost !== undefined
}

function refusedError(
  { identifier }: DerivedTable,
  { reason, hint }: ForeseenDecision,
  { rebuild }: Circumstances,
): IngotError {
  const table = formatIdentifier(identifier)
  const options = { ...(hint === undefined ? {} : { hint }), context: { table } }
  return rebuild === undefined
    ? new IngotError('TABLE_NOT_FOUND', `${table} cannot be made: ${reason}`, options)
    : new IngotError('PLAN_REFUSED', `${table} must be rebuilt: ${reason}`, options)
}
