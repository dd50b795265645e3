import type { LoadedTable, TableVersion } from '../catalog/catalog.ts'
import { familyOf } from '../catalog/clone-metadata.ts'
import { isIngotError } from '../errors.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import { parseTableHeads, parseTableMetadata } from '../format/table-metadata.ts'
import type { FileIO } from '../storage/file-io.ts'
import { tableLocationOf } from './plan-history.ts'

/** Stands for the family of a table of which that is no longer known. */
export const ANY_FAMILY = '*'

/** A snapshot that some version of a table leads to. */
export interface NamedSnapshot {
  readonly manifestList: string
  /** Of the table, for its schemas and partition specs; the list of its snapshots is left out. */
  readonly metadata: TableMetadata
  /** Whether it is of a version of the past alone, of which another engine may have removed files. */
  readonly isPast: boolean
}

/** What a version of a table leads to. */
interface VersionContents {
  readonly family: string | undefined
  readonly snapshots: readonly NamedSnapshot[]
  /** Files of statistics that it names. */
  readonly others: readonly string[]
}

/** Of tables that may share files, all that must stay readable. */
export interface Retained {
  readonly snapshots: readonly NamedSnapshot[]
  /** Metadata files, and others that no snapshot names. */
  readonly files: ReadonlySet<string>
  /** Folders of the tables. */
  readonly locations: readonly string[]
  /** Whether other tables may share the files. */
  readonly isFamily: boolean
}

/** The tables and versions of a catalog at one moment. */
export interface CatalogState {
  readonly tables: readonly LoadedTable[]
  readonly versions: readonly TableVersion[]
}

/** Of a version, the snapshots that its branches and tags name, or all that it lists. */
type VersionPart = 'heads' | 'all'

/** Reads metadata files of the past; each once, as they never change. */
export class VersionReader {
  readonly #io: FileIO
  readonly #read: Record<VersionPart, Map<string, VersionContents | undefined>> = {
    heads: new Map(),
    all: new Map(),
  }

  constructor(io: FileIO) {
    this.#io = io
  }

  /** Forgets what it read of versions that the catalog has forgotten. */
  keepOnly(versions: readonly TableVersion[]): void {
    const kept = new Set(versions.map(version => version.metadataLocation))
    for (const read of Object.values(this.#read)) {
      for (const location of read.keys()) if (!kept.has(location)) read.delete(location)
    }
  }

  /** Undefined when the file is gone: nobody can read that version any more. */
  async read(metadataLocation: string, part: VersionPart): Promise<VersionContents | undefined> {
    const read = this.#read[part]
    if (read.has(metadataLocation)) return read.get(metadataLocation)
    const contents = await this.#load(metadataLocation, part)
    read.set(metadataLocation, contents)
    return contents
  }

  async #load(metadataLocation: string, part: VersionPart): Promise<VersionContents | undefined> {
    const parse = part === 'heads' ? parseTableHeads : parseTableMetadata
    try {
      return contentsOf(parse(await this.#io.read(metadataLocation)), true)
    } catch (error) {
      if (isIngotError(error, 'FILE_NOT_FOUND')) return undefined
      throw error
    }
  }
}

/** What a version of a table leads to. */
export function contentsOf(metadata: TableMetadata, isPast: boolean): VersionContents {
  const brief = { ...metadata, snapshots: [], 'snapshot-log': [], 'metadata-log': [] }
  const named = (snapshot: Snapshot): NamedSnapshot => ({
    manifestList: snapshot['manifest-list'],
    metadata: brief,
    isPast,
  })
  return {
    family: familyOf(metadata),
    snapshots: metadata.snapshots.map(named),
    others: statisticsOf(metadata),
  }
}

function statisticsOf(metadata: TableMetadata): readonly string[] {
  return ['statistics', 'partition-statistics'].flatMap(name => {
    const entries: unknown = Object.entries(metadata).find(([key]) => key === name)?.[1]
    if (!Array.isArray(entries)) return []
    return entries.flatMap((entry: { readonly 'statistics-path'?: unknown }) =>
      typeof entry['statistics-path'] === 'string' ? [entry['statistics-path']] : [],
    )
  })
}

/**
 * All that must stay readable of a table and of those that may share its files: every snapshot of the tables as they are,
 * of versions of the past what their branches and tags name, and dropped tables, while they can be brought back, whole.
 */
export async function retainedOf(
  reader: VersionReader,
  state: CatalogState,
  table: SharingTable,
): Promise<Retained> {
  const past = pastVersions(state)
  const locations = await membersOf(reader, state, past, table)
  const snapshots: NamedSnapshot[] = []
  const files = new Set<string>()
  for (const { metadata, metadataLocation } of state.tables) {
    if (!locations.has(metadata.location)) continue
    const contents = contentsOf(metadata, false)
    snapshots.push(...contents.snapshots)
    for (const file of [...contents.others, metadataLocation, ...loggedFiles(metadata)]) files.add(file)
  }
  for (const version of past) {
    if (!locations.has(version.location)) continue
    const contents = await readPast(reader, version)
    if (contents === undefined) continue
    snapshots.push(...contents.snapshots)
    for (const file of [...contents.others, version.metadataLocation]) files.add(file)
  }
  return { snapshots, files, locations: [...locations], isFamily: table.family !== undefined }
}

interface SharingTable {
  readonly location: string
  readonly family: string | undefined
}

interface PastVersion {
  readonly location: string
  readonly metadataLocation: string
  /** Whether the table is there, so that of the past only what branches and tags name is kept. */
  readonly isLiving: boolean
}

/** The versions of the past that can still be loaded, oldest first. */
function pastVersions({ tables, versions }: CatalogState): readonly PastVersion[] {
  const current = new Set(tables.map(({ metadataLocation }) => metadataLocation))
  const living = new Set(tables.map(({ metadata }) => metadata.location))
  return versions.flatMap(({ metadataLocation, isForgotten }) => {
    if (metadataLocation === null || isForgotten || current.has(metadataLocation)) return []
    const location = tableLocationOf(metadataLocation)
    return [{ location, metadataLocation, isLiving: living.has(location) }]
  })
}

function readPast(
  reader: VersionReader,
  { metadataLocation, isLiving }: PastVersion,
): Promise<VersionContents | undefined> {
  return reader.read(metadataLocation, isLiving ? 'heads' : 'all')
}

/**
 * The folders of the table and of its family, which a table never leaves: the newest version of each tells. All versions of a
 * member count, those of before it was cloned, too: clones remove its files.
 */
async function membersOf(
  reader: VersionReader,
  { tables }: CatalogState,
  past: readonly PastVersion[],
  { location, family }: SharingTable,
): Promise<ReadonlySet<string>> {
  if (family === undefined) return new Set([location])
  const isMember = (other: string | undefined): boolean =>
    other !== undefined && (other === family || family === ANY_FAMILY)
  const families = new Map(tables.map(({ metadata }) => [metadata.location, familyOf(metadata)]))
  for (const version of past.toReversed()) {
    if (families.has(version.location)) continue
    const contents = await readPast(reader, version)
    if (contents !== undefined) families.set(version.location, contents.family)
  }
  const members = [...families].filter(([, other]) => isMember(other)).map(([member]) => member)
  return new Set([location, ...members])
}

function loggedFiles(metadata: TableMetadata): readonly string[] {
  return metadata['metadata-log'].map(entry => entry['metadata-file'])
}
