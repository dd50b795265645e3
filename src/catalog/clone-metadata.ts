import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { ancestorsOf, resolveSnapshot } from '../format/snapshot.ts'
import { ORPHANS_REMOVED_BEFORE } from '../format/table-updates.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { TableChange } from './catalog.ts'
import { LOCATION_PROPERTIES } from './foreign-metadata.ts'
import { CLONE_LOCATIONS, locationsOf } from './table-locations.ts'

/**
 * The property that tables have in common which may name one another's files: a clone, what it was made from, and their clones. The
 * catalog alone sets it, for good: versions of the past lead to shared files, too.
 */
const CLONE_FAMILY = 'ingot.clone-family'

/** Iceberg's property by which other engines know that files of a table are not theirs to remove. */
const GC_ENABLED = 'gc.enabled'

/** What says whose files a table may name: whoever set it by themselves would read, and have removed, files of others. */
const SHARING_PROPERTIES: readonly string[] = [CLONE_FAMILY, CLONE_LOCATIONS]

/** What is true of the original's folder alone. */
const OWN_PROPERTIES: ReadonlySet<string> = new Set([ORPHANS_REMOVED_BEFORE, ...LOCATION_PROPERTIES])

/** What a clone has of its own. */
export interface CloneOptions {
  readonly uuid: string
  readonly location: string
  readonly family: string
  readonly nowMs: number
  /** As TableOrigin has it. */
  readonly snapshotId?: bigint | null | undefined
}

/** The family that a table belongs to; undefined when it shares its files with no other. */
export function familyOf({ properties }: Pick<TableMetadata, 'properties'>): string | undefined {
  return properties[CLONE_FAMILY]
}

/**
 * A table as it is, in a folder of its own, which shares the files of `original`. All ids stay: manifests and snapshots are read by
 * them. Of a snapshot that is not the newest, what came after it is left out. Pure.
 * @throws SNAPSHOT_NOT_FOUND
 */
export function cloneMetadata(original: TableMetadata, options: CloneOptions): TableMetadata {
  const { uuid, location, family, nowMs, snapshotId } = options
  const properties = Object.fromEntries(
    Object.entries(original.properties).filter(([key]) => !OWN_PROPERTIES.has(key)),
  )
  const updatedMs = Math.max(original['last-updated-ms'], nowMs)
  const { own, shared } = locationsOf(original)
  const cloned = {
    ...(snapshotId === undefined ? original : upTo(original, snapshotId, updatedMs)),
    'table-uuid': uuid,
    location,
    properties: { ...properties, [CLONE_LOCATIONS]: JSON.stringify([own, ...shared]) },
    'last-updated-ms': updatedMs,
    'metadata-log': [],
  }
  return withFamily(cloned, family)
}

/** What a table becomes when it is cloned; the same object when it is in that family already. */
export function joinFamily(metadata: TableMetadata, family: string, nowMs: number): TableMetadata {
  const { properties } = metadata
  if (familyOf(metadata) === family && properties[GC_ENABLED] === 'false') return metadata
  const joined = withFamily(metadata, family)
  return { ...joined, 'last-updated-ms': Math.max(metadata['last-updated-ms'], nowMs) }
}

function withFamily(metadata: TableMetadata, family: string): TableMetadata {
  return {
    ...metadata,
    properties: { ...metadata.properties, [GC_ENABLED]: 'false', [CLONE_FAMILY]: family },
  }
}

/** A table without what came after a snapshot: it, its ancestors, and the branches and tags that name one of them. */
function upTo(metadata: TableMetadata, snapshotId: bigint | null, nowMs: number): TableMetadata {
  if (snapshotId !== null) resolveSnapshot(metadata, { snapshotId })
  const { 'current-snapshot-id': _current, ...rest } = metadata
  const { main = { type: 'branch' as const }, ...refs } = metadata.refs
  const ids = snapshotId === null ? [] : ancestorsOf(metadata, snapshotId).map(found => found['snapshot-id'])
  const kept = new Set(ids)
  const isKept = (named: { readonly 'snapshot-id': bigint }): boolean => kept.has(named['snapshot-id'])
  const log = metadata['snapshot-log'].filter(isKept)
  const { statistics, 'partition-statistics': partitionStatistics } = metadata
  const shortened: TableMetadata = {
    ...rest,
    snapshots: metadata.snapshots.filter(isKept),
    refs: Object.fromEntries(Object.entries(refs).filter(([, ref]) => isKept(ref))),
    'snapshot-log': log,
    ...(statistics && { statistics: statistics.filter(isKept) }),
    ...(partitionStatistics && { 'partition-statistics': partitionStatistics.filter(isKept) }),
  }
  if (snapshotId === null) return shortened
  const isLogged = log.at(-1)?.['snapshot-id'] === snapshotId
  return {
    ...shortened,
    'current-snapshot-id': snapshotId,
    refs: { ...shortened.refs, main: { ...main, 'snapshot-id': snapshotId } },
    // Whose last entry is what is current.
    'snapshot-log': isLogged ? log : [...log, { 'snapshot-id': snapshotId, 'timestamp-ms': nowMs }],
  }
}

/** Refuses a commit that would say by itself with whom a table shares files. @throws REQUEST_INVALID */
export function refuseSharing({ identifier, updates }: TableChange, base: TableMetadata | null): void {
  for (const update of updates) {
    const before = base?.properties ?? {}
    if (update.action === 'set-properties')
      requireNotShared(identifier, { ...before, ...update.updates }, before)
    const removed = update.action === 'remove-properties' ? update.removals : []
    if (removed.some(key => SHARING_PROPERTIES.includes(key) && before[key] !== undefined)) {
      throw sharingIsNotSet(identifier)
    }
  }
}

/** Refuses properties by which a table would share files, unless it does so already. @throws REQUEST_INVALID */
export function requireNotShared(
  identifier: TableIdentifier,
  properties: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>> = {},
): void {
  if (SHARING_PROPERTIES.some(key => properties[key] !== before[key])) throw sharingIsNotSet(identifier)
}

function sharingIsNotSet(identifier: TableIdentifier): IngotError {
  return new IngotError(
    'REQUEST_INVALID',
    `${SHARING_PROPERTIES.join(' and ')} of ${formatIdentifier(identifier)} are set by the catalog alone`,
    { hint: 'ingot clone makes tables that share their files', context: { identifier } },
  )
}

/** Refuses to go back to a version that knows nothing of the tables which share its files: they would lose them. @throws REQUEST_INVALID */
export function requireSameFamily(
  identifier: TableIdentifier,
  current: TableMetadata,
  next: TableMetadata,
): void {
  if (current.location !== next.location || familyOf(current) === familyOf(next)) return
  throw new IngotError(
    'REQUEST_INVALID',
    `${formatIdentifier(identifier)} shares files with other tables, of which the metadata file to register knows nothing`,
    {
      hint: 'register a version from after it was cloned, or go back with ingot rollback',
      context: { identifier, family: familyOf(current) ?? null },
    },
  )
}

/** Refuses an original that may share its files with tables of other catalogs: as one of a family it would be thinned. @throws REQUEST_INVALID */
export function requireCloneable(identifier: TableIdentifier, metadata: TableMetadata): void {
  if (metadata.properties[GC_ENABLED] !== 'false' || familyOf(metadata) !== undefined) return
  throw new IngotError(
    'REQUEST_INVALID',
    `${formatIdentifier(identifier)} has gc.enabled set to false, so that nobody knows who else has its files`,
    {
      hint: 'set it to true when no other catalog has the table, and clone it then',
      context: { identifier },
    },
  )
}
