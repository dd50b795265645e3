import { isIngotError } from '../errors.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { LiveEntry, ManifestFile } from '../format/manifest-types.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { loadEntries, mayHaveLiveFiles } from '../table/manifests.ts'
import type { TableContext } from '../table/staged-table.ts'
import type { NamedSnapshot, Retained } from './named-snapshots.ts'

/** A file to remove; its size where something says so without asking the storage. */
export interface RemovableFile {
  readonly location: string
  readonly sizeBytes: number
}

interface NamedManifest {
  readonly manifest: ManifestFile
  readonly metadata: TableMetadata
  readonly isPast: boolean
}

/** Reads what snapshots name. Lists never change, so each is read once. */
export class SnapshotFiles {
  readonly #context: Pick<TableContext, 'io' | 'manifests'>
  #lists = new Map<string, readonly string[]>()
  #manifests = new Map<string, ManifestFile>()

  constructor(context: Pick<TableContext, 'io' | 'manifests'>) {
    this.#context = context
  }

  /** The manifests that the lists of snapshots name, by path. */
  async manifestsOf(snapshots: readonly NamedSnapshot[]): Promise<ReadonlyMap<string, NamedManifest>> {
    const named = new Map<string, NamedManifest>()
    for (const { manifestList, metadata, isPast } of snapshots) {
      for (const path of await this.#pathsIn(manifestList, isPast)) {
        const manifest = this.#manifests.get(path)
        if (manifest !== undefined && !named.has(path)) named.set(path, { manifest, metadata, isPast })
      }
    }
    return named
  }

  async entriesOf({ manifest, metadata, isPast }: NamedManifest): Promise<readonly LiveEntry[]> {
    try {
      return await loadEntries(this.#context, metadata, manifest)
    } catch (error) {
      if (isPast && isIngotError(error, 'FILE_NOT_FOUND')) return []
      throw error
    }
  }

  /** Forgets lists of snapshots that are no longer there. */
  keepOnly(snapshots: readonly NamedSnapshot[]): void {
    const kept = new Set(snapshots.map(({ manifestList }) => manifestList))
    this.#lists = new Map([...this.#lists].filter(([list]) => kept.has(list)))
    const paths = new Set([...this.#lists.values()].flat())
    this.#manifests = new Map([...this.#manifests].filter(([path]) => paths.has(path)))
  }

  async #pathsIn(manifestList: string, isPast: boolean): Promise<readonly string[]> {
    const known = this.#lists.get(manifestList)
    if (known !== undefined) return known
    const manifests = await this.#readList(manifestList, isPast)
    for (const manifest of manifests) this.#manifests.set(manifest.manifestPath, manifest)
    const paths = manifests.map(({ manifestPath }) => manifestPath)
    this.#lists.set(manifestList, paths)
    return paths
  }

  /** What another engine has expired of the past leads nowhere any more. */
  async #readList(manifestList: string, isPast: boolean): Promise<readonly ManifestFile[]> {
    try {
      return readManifestList(await this.#context.io.read(manifestList))
    } catch (error) {
      if (isPast && isIngotError(error, 'FILE_NOT_FOUND')) return []
      throw error
    }
  }
}

/**
 * The files that snapshots which are gone named and nothing that is retained does: lists, manifests, data and delete files.
 * Files outside of the tables' folders are not theirs to remove.
 */
export async function findUnreachable(
  files: SnapshotFiles,
  gone: readonly NamedSnapshot[],
  retained: Retained,
): Promise<readonly RemovableFile[]> {
  const keptLists = new Set(retained.snapshots.map(({ manifestList }) => manifestList))
  const deadSnapshots = gone.filter(({ manifestList }) => !keptLists.has(manifestList))
  if (deadSnapshots.length === 0) return []
  const kept = await files.manifestsOf(retained.snapshots)
  const named = await files.manifestsOf(deadSnapshots)
  const dead = [...named.values()].filter(({ manifest }) => !kept.has(manifest.manifestPath))
  const candidates = new Map<string, LiveEntry>()
  for (const manifest of dead) {
    for (const entry of await files.entriesOf(manifest)) candidates.set(entry.file.filePath, entry)
  }
  await dropReachable(files, candidates, [...kept.values()], retained.isFamily)
  const removable = [...new Set(deadSnapshots.map(({ manifestList }) => manifestList))].map(location => ({
    location,
    sizeBytes: 0,
  }))
  for (const { manifest } of dead)
    removable.push({ location: manifest.manifestPath, sizeBytes: manifest.manifestLength })
  for (const { file } of candidates.values())
    removable.push({ location: file.filePath, sizeBytes: file.fileSizeBytes })
  return removable.filter(({ location }) => isInside(location, retained.locations))
}

export function isInside(location: string, folders: readonly string[]): boolean {
  return folders.some(folder => location.startsWith(`${folder}/`))
}

/** Takes those out of `candidates` that a manifest which stays names; reads no more manifests than it must. */
async function dropReachable(
  files: SnapshotFiles,
  candidates: Map<string, LiveEntry>,
  kept: readonly NamedManifest[],
  isFamily: boolean,
): Promise<void> {
  if (candidates.size === 0) return
  let oldest = Number.POSITIVE_INFINITY
  for (const entry of candidates.values()) oldest = Math.min(oldest, entry.fileSequenceNumber)
  for (const named of kept.toReversed()) {
    if (candidates.size === 0) return
    const { manifest } = named
    // A manifest that is older than every candidate names none. Members of a family count apart.
    const isOlder = !isFamily && manifest.sequenceNumber < oldest
    if (isOlder || !mayHaveLiveFiles(manifest)) continue
    for (const { file } of await files.entriesOf(named)) candidates.delete(file.filePath)
  }
}
