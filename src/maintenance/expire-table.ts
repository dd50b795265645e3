import type { LoadedTable } from '../catalog/catalog.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { applyUpdates } from '../format/table-updates.ts'
import { withChanges } from '../table/staged-changes.ts'
import type { TableLedger } from './maintenance-report.ts'
import { isLostToOthers, type MaintenanceRound } from './maintenance-round.ts'
import { contentsOf, type NamedSnapshot } from './named-snapshots.ts'
import { type ExpiryPlan, planExpiry } from './plan-expiry.ts'

/** A table whose history is thinned, and the snapshots that are gone with it. */
export interface ExpiredTable {
  /** In a dry run, as it would be. */
  readonly table: LoadedTable
  readonly gone: readonly NamedSnapshot[]
}

/**
 * Thins the history of a table in one commit, which goes on top of whatever others commit meanwhile: it is refused only
 * when one of them names a snapshot that is to go.
 */
export async function expireTable(
  round: MaintenanceRound,
  table: LoadedTable,
  consumed: ReadonlySet<bigint>,
  ledger: TableLedger,
): Promise<ExpiredTable> {
  const nowMs = round.context.clock.nowMs()
  const plan = (metadata: TableMetadata): ExpiryPlan => planExpiry({ metadata, nowMs, consumed })
  if (round.isDryRun) {
    const planned = plan(table.metadata)
    ledger.addExpiry(planned)
    const metadata = applyUpdates(table.metadata, planned.updates, { nowMs })
    return { table: { ...table, metadata }, gone: snapshotsGone(table.metadata, planned) }
  }
  let before = table.metadata
  try {
    const committed = await round.commit(table.identifier, 'expiry', async staged => {
      before = staged.metadata
      const { updates } = plan(before)
      if (updates.length === 0) return staged
      const requirement = { type: 'assert-table-uuid', uuid: before['table-uuid'] } as const
      return withChanges(staged, { requirements: [requirement], updates })
    })
    const planned = plan(before)
    ledger.addExpiry(planned)
    return { table: committed ?? table, gone: snapshotsGone(before, planned) }
  } catch (error) {
    if (!isLostToOthers(error)) throw error
    ledger.postpone('thinning the history: others changed a branch or tag meanwhile')
    return { table, gone: [] }
  }
}

function snapshotsGone(metadata: TableMetadata, { expired }: ExpiryPlan): readonly NamedSnapshot[] {
  const lists = new Set(expired.map(snapshot => snapshot['manifest-list']))
  return contentsOf(metadata, false).snapshots.filter(({ manifestList }) => lists.has(manifestList))
}
