import type { TableVersion, VersionsOfTable } from '../catalog/catalog.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { DROPPED_KEPT_MS, type HistoryPolicy, hourOf } from './history-policy.ts'

export interface HistoryFacts {
  /** In the order of their transactions. */
  readonly versions: readonly TableVersion[]
  readonly nowMs: number
  /** Of the table that has this name now, or the default for one that is gone. */
  policyOf(identifier: TableIdentifier): HistoryPolicy
}

/** A table that is gone for good: nothing leads back to it, and its files may go. */
export interface DepartedTable {
  readonly identifier: TableIdentifier
  readonly location: string
  readonly transactionIds: readonly number[]
}

/** What the catalog is to forget. */
export interface HistoryPlan {
  readonly forget: readonly VersionsOfTable[]
  /** Where the forgotten versions lie that are still to be removed: metadata files. */
  readonly forgotten: readonly TableVersion[]
}

/**
 * Thins the catalog's history as planExpiry thins a table's own: every version that was current in the last minutes stays,
 * and for some days the last of each hour; also the one that was current when those days began, so that the lake can be
 * read as it was at the end of every hour. A dropped table can be brought back for as long, unless its drop asked for
 * its files to go; what was given up to another catalog stays for good, unless it was registered here again. Pure.
 */
export function planHistory({ versions, nowMs, policyOf }: HistoryFacts): HistoryPlan {
  const forgotten: TableVersion[] = []
  const forget: VersionsOfTable[] = []
  const isBack = findReturned(versions)
  for (const ofTable of groupByTable(versions)) {
    const [first] = ofTable
    if (first === undefined) continue
    const goes = findForgettable(ofTable, policyOf(first.identifier), nowMs, isBack)
    if (goes.length === 0) continue
    forgotten.push(...goes)
    forget.push({ identifier: first.identifier, transactionIds: goes.map(version => version.transactionId) })
  }
  return { forget, forgotten }
}

/** Tells whether a folder has newer versions than this one, under whatever name. */
function findReturned(versions: readonly TableVersion[]): (version: TableVersion) => boolean {
  const newest = new Map<string, number>()
  for (const { metadataLocation, transactionId } of versions) {
    if (metadataLocation !== null) newest.set(tableLocationOf(metadataLocation), transactionId)
  }
  return ({ metadataLocation, transactionId }) =>
    metadataLocation !== null && (newest.get(tableLocationOf(metadataLocation)) ?? 0) > transactionId
}

function groupByTable(versions: readonly TableVersion[]): readonly (readonly TableVersion[])[] {
  const groups = new Map<string, TableVersion[]>()
  for (const version of versions) {
    const key = identifierKey(version.identifier)
    const group = groups.get(key) ?? []
    groups.set(key, group)
    group.push(version)
  }
  return [...groups.values()]
}

function findForgettable(
  versions: readonly TableVersion[],
  policy: HistoryPolicy,
  nowMs: number,
  isBack: (version: TableVersion) => boolean,
): readonly TableVersion[] {
  return versions.filter((version, index) => {
    if (version.isForgotten || version.metadataLocation === null) return false
    const next = versions[index + 1]
    if (next === undefined) return false
    if (next.purgeRequested) return true
    if (next.isUnregistered) return isBack(version)
    const supersededMs = nowMs - next.committedAtMs
    // A dropped table is kept as it was last.
    if (next.metadataLocation === null) return supersededMs > DROPPED_KEPT_MS
    const isLastOfHour = hourOf(version.committedAtMs) !== hourOf(next.committedAtMs)
    return supersededMs > (isLastOfHour ? policy.hourlyMs : Math.min(policy.denseMs, policy.hourlyMs))
  })
}

/** Tables that are dropped, whose every version is forgotten, and whose folder no other table uses. */
export function findDeparted(versions: readonly TableVersion[]): readonly DepartedTable[] {
  const inUse = new Set(
    versions.flatMap(({ isForgotten, metadataLocation }) =>
      isForgotten || metadataLocation === null ? [] : [tableLocationOf(metadataLocation)],
    ),
  )
  const departed = new Map<
    string,
    { identifier: TableIdentifier; location: string; transactionIds: number[] }
  >()
  for (const { identifier, metadataLocation, transactionId } of versions) {
    if (metadataLocation === null) continue
    const location = tableLocationOf(metadataLocation)
    if (inUse.has(location)) continue
    const key = `${identifierKey(identifier)} ${location}`
    const table = departed.get(key) ?? { identifier, location, transactionIds: [] }
    departed.set(key, table)
    table.transactionIds.push(transactionId)
  }
  return [...departed.values()]
}

/** The location of the table that a metadata file of this catalog belongs to. */
export function tableLocationOf(metadataLocation: string): string {
  const end = metadataLocation.lastIndexOf('/metadata/')
  return end < 0 ? metadataLocation : metadataLocation.slice(0, end)
}
