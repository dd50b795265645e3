import { IngotError, isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { checkRequirements } from '../format/table-requirements.ts'
import { applyUpdates, withMetadataLog } from '../format/table-updates.ts'
import { type Random, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'
import { formatIdentifier, identifierKey } from '../table-identifier.ts'
import type { LoadedTable, TableChange } from './catalog.ts'
import { cloneMetadata, familyOf, joinFamily, refuseSharing, requireCloneable } from './clone-metadata.ts'
import { checkForeignMetadata } from './foreign-metadata.ts'
import { requireFreeLocation } from './free-location.ts'
import type { MetadataFiles } from './metadata-files.ts'
import { readVersion } from './past-version.ts'
import type { CatalogStore, PointerOrigin } from './store.ts'
import { nameTaken, notFound } from './store-refusals.ts'
import { makeTableFolders } from './table-folders.ts'
import { assignLocation, locationInside } from './table-location.ts'

/** A change checked against the table as it is, with the metadata that it leads to. */
export interface PreparedChange {
  readonly change: TableChange
  /** Null: the change creates the table. */
  readonly base: LoadedTable | null
  readonly metadata: TableMetadata
  /** Of a version that comes back: the file is there already. */
  readonly metadataLocation?: string
  readonly origin?: PointerOrigin
}

/** What preparing a commit needs from its catalog. */
export interface PrepareContext {
  readonly store: CatalogStore
  readonly io: FileIO
  readonly files: MetadataFiles<TableMetadata>
  readonly random: Random
  readonly root: string
  readonly nowMs: number
}

/**
 * Checks every requirement of every change before anything is written, and applies the updates in memory.
 * @throws COMMIT_CONFLICT with context.identifier, TABLE_NOT_FOUND, REQUEST_INVALID
 */
export async function prepareChanges(
  context: PrepareContext,
  changes: readonly TableChange[],
): Promise<readonly PreparedChange[]> {
  const bases = await Promise.all(changes.map(change => loadBase(context, change)))
  changes.forEach((change, index) => {
    requireChange(change, bases[index] ?? null)
  })
  const originals = originalsOf(context, changes, bases)
  return await Promise.all(
    changes.map((change, index) => prepareChange(context, change, bases[index] ?? null, originals)),
  )
}

function requireChange(change: TableChange, base: LoadedTable | null): void {
  requireTable(change, base)
  refuseSharing(change, base?.metadata ?? null)
  try {
    checkRequirements(base?.metadata ?? null, change.requirements)
  } catch (error) {
    throw isIngotError(error, 'COMMIT_CONFLICT') ? lostCommit(change, error) : error
  }
}

/** The tables that the commit clones, by their keys, with the families that they are in with their clones. */
function originalsOf(
  context: PrepareContext,
  changes: readonly TableChange[],
  bases: readonly (LoadedTable | null)[],
): ReadonlyMap<string, Original> {
  const originals = new Map<string, Original>()
  for (const { origin } of changes) {
    if (origin?.type !== 'clone') continue
    const key = identifierKey(origin.of)
    const base = bases.find(table => table !== null && identifierKey(table.identifier) === key)
    if (!base) throw notFound(origin.of, 'table')
    requireCloneable(base.identifier, base.metadata)
    const family = originals.get(key)?.family ?? familyOf(base.metadata) ?? randomUuid(context.random)
    originals.set(key, { metadata: base.metadata, family })
  }
  return originals
}

interface Original {
  readonly metadata: TableMetadata
  readonly family: string
}

async function loadBase(context: PrepareContext, change: TableChange): Promise<LoadedTable | null> {
  const metadataLocation = await context.store.pointer(change.identifier)
  if (metadataLocation === undefined) {
    const isView =
      createsTable(change) && (await context.store.pointer(change.identifier, 'view')) !== undefined
    if (isView) throw nameTaken(change.identifier)
    return null
  }
  return {
    identifier: change.identifier,
    metadataLocation,
    metadata: await context.files.read(metadataLocation),
  }
}

async function prepareChange(
  context: PrepareContext,
  change: TableChange,
  base: LoadedTable | null,
  originals: ReadonlyMap<string, Original>,
): Promise<PreparedChange> {
  const { origin, identifier } = change
  if (origin?.type === 'version') return { change, base, ...(await readVersion(context, origin)) }
  const original = originals.get(identifierKey(origin?.of ?? identifier))
  if (origin !== undefined && original !== undefined) {
    return { change, base, origin, metadata: await makeClone(context, change, original, origin.snapshotId) }
  }
  if (base !== null && original !== undefined) {
    return { change, base, metadata: joinAsOriginal(context, base, original) }
  }
  try {
    return { change, base, metadata: await updateMetadata(context, change, base) }
  } catch (error) {
    throw isIngotError(error, 'COMMIT_CONFLICT') ? lostCommit(change, error) : error
  }
}

async function makeClone(
  { root, io, random, nowMs }: PrepareContext,
  { identifier }: TableChange,
  { metadata, family }: Original,
  snapshotId: bigint | null | undefined,
): Promise<TableMetadata> {
  const location = assignLocation(root, identifier, random)
  await makeTableFolders(io, location)
  return cloneMetadata(metadata, { uuid: randomUuid(random), location, family, nowMs, snapshotId })
}

function joinAsOriginal({ nowMs }: PrepareContext, base: LoadedTable, { family }: Original): TableMetadata {
  const joined = joinFamily(base.metadata, family, nowMs)
  if (joined === base.metadata) return joined
  return withMetadataLog(joined, base.metadataLocation, base.metadata['last-updated-ms'])
}

async function updateMetadata(
  context: PrepareContext,
  change: TableChange,
  base: LoadedTable | null,
): Promise<TableMetadata> {
  if (base !== null && change.updates.length === 0) return base.metadata
  const location = base?.metadata.location ?? assignLocation(context.root, change.identifier, context.random)
  const { nowMs } = context
  const updated = applyUpdates(base?.metadata ?? null, change.updates, { nowMs, location })
  const metadata =
    updated.location === location
      ? updated
      : { ...updated, location: locationInside(context.root, updated.location) }
  checkForeignMetadata(context.root, metadata, base?.metadata ?? null)
  if (base === null) {
    if (metadata.location !== location) {
      const { location: chosen, 'table-uuid': uuid } = metadata
      await requireFreeLocation(context, { identifier: change.identifier, location: chosen, uuid })
    }
    return metadata
  }
  return withMetadataLog(metadata, base.metadataLocation, base.metadata['last-updated-ms'])
}

/** Without a table to stand on, only a change that says it creates one is meant. */
function requireTable(change: TableChange, base: LoadedTable | null): void {
  if (base !== null) return
  if (createsTable(change) && !change.isDrop) return
  throw new IngotError('TABLE_NOT_FOUND', `table ${formatIdentifier(change.identifier)} is not there`, {
    hint: 'it was dropped or renamed since it was loaded',
    context: { identifier: change.identifier },
  })
}

/** Whether a change is of a table that must not be there yet. */
export function createsTable(change: TableChange): boolean {
  return change.requirements.some(requirement => requirement.type === 'assert-create')
}

function lostCommit(change: TableChange, cause: IngotError): IngotError {
  const name = formatIdentifier(change.identifier)
  return new IngotError('COMMIT_CONFLICT', `commit of table ${name} lost: ${cause.message}`, {
    cause,
    retryable: true,
    hint: 'load the table again and stage the change on what it is now',
    context: { ...cause.context, identifier: change.identifier },
  })
}

/**
 * Writes the metadata files of all changes; the answer has each table as it will be, at the base's own location where
 * nothing changed. When one cannot be written, the others are removed.
 */
export async function writeChanges(
  files: MetadataFiles<TableMetadata>,
  prepared: readonly PreparedChange[],
): Promise<readonly LoadedTable[]> {
  const results = await Promise.allSettled(prepared.map(change => writeChange(files, change)))
  const tables = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find(result => result.status === 'rejected')
  if (failed === undefined) return tables
  await files.discard(writtenLocations(prepared, tables))
  throw failed.reason
}

async function writeChange(
  files: MetadataFiles<TableMetadata>,
  prepared: PreparedChange,
): Promise<LoadedTable> {
  const { base, metadata } = prepared
  if (base !== null && metadata === base.metadata) return base
  const { identifier } = prepared.change
  if (prepared.metadataLocation !== undefined) {
    return { identifier, metadataLocation: prepared.metadataLocation, metadata }
  }
  const metadataLocation = await files.write(metadata, base?.metadataLocation ?? null)
  return { identifier, metadataLocation, metadata }
}

/** The metadata files among those of `tables` that the commit itself wrote. */
export function writtenLocations(
  prepared: readonly PreparedChange[],
  tables: readonly LoadedTable[],
): readonly string[] {
  const before = new Set(
    prepared.flatMap(({ base, metadataLocation }) => [base?.metadataLocation, metadataLocation]),
  )
  return tables.map(table => table.metadataLocation).filter(location => !before.has(location))
}

/**
 * Accepts the changes of one commit together.
 * @throws REQUEST_INVALID when a table occurs twice, or none does, or one is dropped and updated, or an origin is not alone
 */
export function checkChanges(changes: readonly TableChange[]): void {
  if (changes.length === 0) throw new IngotError('REQUEST_INVALID', 'a commit changes at least one table')
  const updatedDrop = changes.find(change => change.isDrop && change.updates.length > 0)
  if (updatedDrop !== undefined) {
    const name = formatIdentifier(updatedDrop.identifier)
    throw new IngotError('REQUEST_INVALID', `a commit both drops table ${name} and updates it`)
  }
  for (const change of changes) checkOrigin(change, changes)
  const keys = new Set(changes.map(change => identifierKey(change.identifier)))
  if (keys.size < changes.length) {
    throw new IngotError('REQUEST_INVALID', 'a commit names a table more than once', {
      hint: 'join the changes of one table into one',
      context: { tables: changes.map(change => change.identifier) },
    })
  }
}

function checkOrigin(change: TableChange, changes: readonly TableChange[]): void {
  const { origin, identifier, updates, isDrop = false } = change
  if (origin === undefined) return
  const name = formatIdentifier(identifier)
  if (!createsTable(change) || updates.length > 0 || isDrop) {
    throw new IngotError('REQUEST_INVALID', `table ${name} has an origin, and is not created by it alone`, {
      hint: 'require assert-create, and make further changes in a commit of their own',
    })
  }
  if (origin.type === 'version') return
  const key = identifierKey(origin.of)
  const original = changes.find(other => identifierKey(other.identifier) === key)
  if (original !== undefined && original.updates.length === 0 && !original.isDrop && !createsTable(original))
    return
  throw new IngotError(
    'REQUEST_INVALID',
    `the commit that clones ${formatIdentifier(origin.of)} does not name it without updates`,
    { hint: 'say of it what must hold when it is cloned' },
  )
}
