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
  const past = await readPast(reader, state, table)
  const locations = membersOf(state, past, table)
  const snapshots: NamedSnapshot[] = []
  const files = new Set<string>()
  for (const { metadata, metadataLocation } of state.tables) {
    if (!locations.has(metadata.location)) continue
    const contents = contentsOf(metadata, false)
    snapshots.push(...contents.snapshots)
    for (const file of [...contents.others, metadataLocation, ...loggedFiles(metadata)]) files.add(file)
  }
  for (const { location, metadataLocation, contents } of past) {
    if (!locations.has(location)) continue
    snapshots.push(...contents.snapshots)
    for (const file of [...contents.others, metadataLocation]) files.add(file)
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
  readonly contents: VersionContents
}

/**
 * The versions of the past that can still be loaded, of tables that are gone the whole; without a family those of the table alone, as
 * the others say nothing of its files.
 */
async function readPast(
  reader: VersionReader,
  { tables, versions }: CatalogState,
  table: SharingTable,
): Promise<readonly PastVersion[]> {
  const current = new Set(tables.map(({ metadataLocation }) => metadataLocation))
  const living = new Set(tables.map(({ metadata }) => metadata.location))
  const past: PastVersion[] = []
  for (const { metadataLocation, isForgotten } of versions) {
    if (metadataLocation === null || isForgotten || current.has(metadataLocation)) continue
    const location = tableLocationOf(metadataLocation)
    if (table.family === undefined && location !== table.location) continue
    const contents = await reader.read(metadataLocation, living.has(location) ? 'heads' : 'all')
    if (contents !== undefined) past.push({ location, metadataLocation, contents })
  }
  return past
}

/** The folders of the table and of its family. All versions of a member count, those of before it was cloned, too: clones remove its files. */
function membersOf(
  { tables }: CatalogState,
  past: readonly PastVersion[],
  { location, family }: SharingTable,
): ReadonlySet<string> {
  const isMember = (other: string | undefined): boolean =>
    other !== undefined && (other === family || family === ANY_FAMILY)
  return new Set([
    location,
    ...tables.filter(({ metadata }) => isMember(familyOf(metadata))).map(({ metadata }) => metadata.location),
    ...past.filter(({ contents }) => isMember(contents.family)).map(version => version.location),
  ])
}

function loggedFiles(metadata: TableMetadata): readonly string[] {
  return metadata['metadata-log'].map(entry => entry['metadata-file'])
}
