import { formatIdentifier } from '../table-identifier.ts'
import { type DepartedMaintenance, totalsOf } from './maintenance-report.ts'
import type { MaintenanceRound } from './maintenance-round.ts'
import { ANY_FAMILY, type CatalogState, retainedOf } from './named-snapshots.ts'
import { type DepartedTable, findDeparted } from './plan-history.ts'
import { otherTables, reachableFiles, removeAll } from './remove-files.ts'
import { isInside, type RemovableFile, SnapshotFiles } from './unreachable-files.ts'

/** What is left of a table in its folder. */
interface Remains {
  readonly removable: readonly RemovableFile[]
  /** Whether clones name some of its files: the rest goes when they no longer do. */
  readonly isShared: boolean
}

/**
 * Removes all that is left of dropped tables that nothing can bring back, but for files that clones of them share. A folder with
 * such files is looked at again later.
 * @param isDue whether to look at a folder, of which `onShared` was told before
 */
export async function removeDeparted(
  round: MaintenanceRound,
  state: CatalogState,
  { isDue, onShared }: { isDue(location: string): boolean; onShared(location: string): void },
): Promise<readonly DepartedMaintenance[]> {
  const done: DepartedMaintenance[] = []
  for (const departed of findDeparted(state.versions)) {
    if (round.isOver) break
    const { identifier, location, transactionIds } = departed
    if (!isDue(location)) continue
    const { removable, isShared } = await findRemains(round, state, departed)
    if (!round.isDryRun) {
      await removeAll(round, removable)
      if (isShared) onShared(location)
      else await round.context.catalog.forgetVersions([{ identifier, transactionIds }], { removed: true })
    }
    if (isShared && removable.length === 0) continue
    done.push({ table: formatIdentifier(identifier), location, ...totalsOf(removable) })
  }
  return done
}

async function findRemains(
  round: MaintenanceRound,
  state: CatalogState,
  { location }: DepartedTable,
): Promise<Remains> {
  const retained = await retainedOf(round.reader, state, { location, family: ANY_FAMILY })
  const reachable = await reachableFiles(new SnapshotFiles(round.context), retained)
  const others = otherTables(state, location)
  const removable: RemovableFile[] = []
  let isShared = false
  for await (const file of round.context.io.list(location)) {
    if (isInside(file.location, others)) continue
    if (reachable.has(file.location)) isShared = true
    else removable.push(file)
  }
  return { removable, isShared }
}
