import assert from 'node:assert/strict'
import { IngotError } from '../errors.ts'
import type { Lake } from '../lake/lake.ts'
import type { Engine } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { Transaction } from '../table/transaction.ts'
import { formatIdentifier } from '../table-identifier.ts'
import {
  decideAction,
  type ExaminedTable,
  examineTable,
  needsPreparation,
  type RefreshDecision,
} from './examine-table.ts'
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
  readonly fullRefresh: boolean
  readonly signal?: AbortSignal
  /** Called when it is known what is to be done, before it is. */
  readonly onDecision?: (decision: RefreshDecision) => void
}

const NOTHING = { rowsAdded: 0, rowsDeleted: 0, rowsQuarantined: 0, expectations: [] }

/**
 * Stages in the transaction what brings a derived table up to date with its inputs, those that the transaction has staged included.
 * @throws PLAN_REFUSED when its definition changed by more than additions; EXPECTATION_FAILED
 */
export async function refreshTable(table: DerivedTable, options: RefreshOptions): Promise<RefreshOutcome> {
  const examined = await examineTable(options.context, options.transaction, table)
  const { fullRefresh, onDecision } = options
  if (!fullRefresh && !needsPreparation(examined)) {
    const decision = decideAction(examined, undefined, { fullRefresh })
    if (decision.action === 'skip') return { ...decision, ...NOTHING }
  }
  const { signal } = options
  const label = formatIdentifier(table.identifier)
  return options.engine.session({ label, ...(signal === undefined ? {} : { signal }) }, async session => {
    const prepared = await prepareTable(session, options.lake, table)
    const decision = decideAction(examined, prepared, { fullRefresh })
    if (decision.action === 'skip') return { ...decision, ...NOTHING }
    onDecision?.(decision)
    if (decision.action === 'refuse') throw refusedError(label, decision.reason)
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

/** The refusal to rebuild a table whose definition changed, without being asked to. */
function refusedError(table: string, reason: string): IngotError {
  return new IngotError('PLAN_REFUSED', `${table} must be rebuilt: ${reason}`, {
    hint: `ingot run --full-refresh ${table}`,
    context: { table },
  })
}
