import type { BronzeTable } from '../lake/lake.ts'
import type { Transaction } from '../table/transaction.ts'
import type { BronzeLoader, LoadPlan } from './bronze-loader.ts'
import type { RefreshDecision } from './decide-action.ts'

/** What the sources of a bronze table ask for: for a plan and for a run alike. @throws what the loader throws */
export async function decideLoad(
  loader: BronzeLoader,
  transaction: Transaction,
  table: BronzeTable,
): Promise<{ readonly plan: LoadPlan; readonly decision: RefreshDecision }> {
  const plan = await loader.plan(table, transaction)
  const isMade = (await transaction.table(table.identifier)) !== undefined
  if (!isMade) return { plan, decision: { action: 'load', reason: 'it is new' } }
  if (plan.files > 0) return { plan, decision: { action: 'load', reason: 'its sources have something new' } }
  return { plan, decision: { action: 'skip', reason: 'its sources have nothing new' } }
}
