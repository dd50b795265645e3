import { formatIdentifier } from '../table-identifier.ts'
import { type DepartedMaintenance, totalsOf } from './maintenance-report.ts'
import type { MaintenanceRound } from './maintenance-round.ts'
import { ANY_FAMILY, type CatalogState, retainedOf } from './named-snapshots.ts'
import { type DepartedTable, findDeparted } from './plan-history.ts'
import { otherTables, reachableFiles, removeAll } from './remove-files.ts'
import { isInside, type RemovableFile, SnapshotFiles } from './unreachable-files.ts'

/** Removes all that is left of dropped tables that nothing can bring back, but for files that clones of them share. */
export async function removeDeparted(
  round: MaintenanceRound,
  state: CatalogState,
): Promise<readonly DepartedMaintenance[]> {
  const done: DepartedMaintenance[] = []
  for (const departed of findDeparted(state.versions)) {
    if (round.isOver) break
    const removable = await findRemains(round, state, departed)
    const { identifier, location, transactionIds } = departed
    if (!round.isDryRun) {
      await removeAll(round, removable)
      await round.context.catalog.forgetVersions([{ identifier, transactionIds }], { removed: true })
    }
    done.push({ table: formatIdentifier(identifier), location, ...totalsOf(removable) })
  }
  return done
}

async function findRemains(
  round: MaintenanceRound,
  state: CatalogState,
  { location }: DepartedTable,
): Promise<readonly RemovableFile[]> {
  const retained = await retainedOf(round.reader, state, { location, family: ANY_FAMILY })
  const reachable = await reachableFiles(new SnapshotFiles(round.context), retained)
  const others = otherTables(state, location)
  const remains: RemovableFile[] = []
  for await (const file of round.context.io.list(location)) {
    if (!reachable.has(file.location) && !isInside(file.location, others)) remains.push(file)
  }
  return remains
}
