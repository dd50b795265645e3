import type { LoadedTable } from '../catalog/catalog.ts'
import { familyOf } from '../catalog/clone-metadata.ts'
import { ORPHANS_REMOVED_BEFORE } from '../format/table-updates.ts'
import type { FileStat } from '../storage/file-io.ts'
import { stageProperties } from '../table/stage.ts'
import { loadCatalogState } from './catalog-state.ts'
import { type TableLedger, totalsOf } from './maintenance-report.ts'
import { isLostToOthers, type MaintenanceRound } from './maintenance-round.ts'
import { type CatalogState, type NamedSnapshot, type Retained, retainedOf } from './named-snapshots.ts'
import { tableLocationOf } from './plan-history.ts'
import { orphanHorizonOf, planOrphans } from './plan-orphans.ts'
import { findUnreachable, type RemovableFile, type SnapshotFiles } from './unreachable-files.ts'

/** How many files one call to the storage removes: between two calls maintenance may be stopped. */
const BATCH_FILES = 1000

/** What became unreachable in a round: nothing leads to it any more, for certain and durably. */
export interface Gone {
  readonly snapshots: readonly NamedSnapshot[]
  /** Metadata files of versions that the catalog has forgotten. */
  readonly files: readonly string[]
}

/** Removes the files that only what is gone named. A kill leaves some of them, for the removal of orphans to find. */
export async function removeUnreachable(
  round: MaintenanceRound,
  files: SnapshotFiles,
  options: { readonly table: LoadedTable; readonly state: CatalogState; readonly gone: Gone },
  ledger: TableLedger,
): Promise<void> {
  const { table, state, gone } = options
  if (gone.snapshots.length + gone.files.length === 0) return
  const retained = await retainedOf(round.reader, state, sharingOf(table))
  const metadataFiles = gone.files
    .filter(location => !retained.files.has(location))
    .map(location => ({ location, sizeBytes: 0 }))
  const removable = [...(await findUnreachable(files, gone.snapshots, retained)), ...metadataFiles]
  files.keepOnly(retained.snapshots)
  if (!round.isDryRun) await removeAll(round, removable)
  ledger.set({ removed: totalsOf(removable) })
}

function sharingOf({ metadata }: LoadedTable) {
  return { location: metadata.location, family: familyOf(metadata) }
}

/**
 * Removes files under a table's location that nothing names. The horizon is committed first: from then on no writer that began
 * before it can commit, so that what is not named after that never will be.
 */
export async function removeOrphans(
  round: MaintenanceRound,
  files: SnapshotFiles,
  options: { readonly table: LoadedTable; readonly state: CatalogState },
  ledger: TableLedger,
): Promise<void> {
  const { table } = options
  const { location } = table.metadata
  const horizonMs = orphanHorizonOf(table.metadata, round.context.clock.nowMs())
  const found = await listOld(round, location, horizonMs)
  const orphansIn = async (
    state: CatalogState,
    among: readonly FileStat[],
  ): Promise<readonly RemovableFile[]> => {
    const retained = await retainedOf(round.reader, state, sharingOf(table))
    const reachable = await reachableFiles(files, retained)
    return planOrphans({ files: among, reachable, horizonMs, otherTables: otherTables(state, location) })
  }
  const suspects = found.length === 0 ? [] : await orphansIn(options.state, found)
  if (suspects.length === 0) return
  if (round.isDryRun) return ledger.set({ orphans: totalsOf(suspects) })
  try {
    await commitHorizon(round, table, horizonMs)
  } catch (error) {
    if (!isLostToOthers(error)) throw error
    return ledger.postpone('removing orphans: others changed the table meanwhile')
  }
  // What was committed before the horizon is in the catalog by now; nothing that old comes after it.
  const suspected = new Set(suspects.map(file => file.location))
  const fresh = await loadCatalogState(round.context.catalog)
  const orphans = await orphansIn(
    fresh,
    found.filter(file => suspected.has(file.location)),
  )
  await removeAll(round, orphans)
  ledger.set({ orphans: totalsOf(orphans) })
}

function commitHorizon(
  round: MaintenanceRound,
  { identifier }: LoadedTable,
  horizonMs: number,
): Promise<unknown> {
  return round.commit(identifier, 'orphans', async staged => {
    // Never back: an earlier one may have been committed under another setting.
    const before = Number(staged.metadata.properties[ORPHANS_REMOVED_BEFORE] ?? 0)
    return before >= horizonMs
      ? staged
      : stageProperties(staged, { set: { [ORPHANS_REMOVED_BEFORE]: String(horizonMs) } })
  })
}

async function listOld(
  round: MaintenanceRound,
  location: string,
  horizonMs: number,
): Promise<readonly FileStat[]> {
  const found: FileStat[] = []
  for await (const file of round.context.io.list(location)) {
    if (file.modifiedAtMs < horizonMs) found.push(file)
  }
  return found
}

/** Everything that what is retained leads to. */
export async function reachableFiles(files: SnapshotFiles, retained: Retained): Promise<ReadonlySet<string>> {
  const reachable = new Set(retained.files)
  for (const { manifestList } of retained.snapshots) reachable.add(manifestList)
  for (const [path, manifest] of await files.manifestsOf(retained.snapshots)) {
    reachable.add(path)
    for (const { file } of await files.entriesOf(manifest)) reachable.add(file.filePath)
  }
  return reachable
}

/** Folders of tables other than the one at `location`. */
export function otherTables({ tables, versions }: CatalogState, location: string): readonly string[] {
  const all = new Set([
    ...tables.map(({ metadata }) => metadata.location),
    ...versions.flatMap(version =>
      version.metadataLocation === null ? [] : [tableLocationOf(version.metadataLocation)],
    ),
  ])
  all.delete(location)
  return [...all]
}

export async function removeAll(round: MaintenanceRound, files: readonly RemovableFile[]): Promise<void> {
  for (let from = 0; from < files.length; from += BATCH_FILES) {
    round.signal?.throwIfAborted()
    await round.context.io.remove(files.slice(from, from + BATCH_FILES).map(({ location }) => location))
  }
}
