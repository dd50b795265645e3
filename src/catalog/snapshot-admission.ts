import { IngotError, isIngotError } from '../errors.ts'
import { readManifest } from '../format/manifest.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { ManifestFile } from '../format/manifest-types.ts'
import type { Snapshot, TableMetadata } from '../format/metadata-types.ts'
import type { FileIO } from '../storage/file-io.ts'
import { forEachParallel } from '../storage/for-each-parallel.ts'
import type { TableChange } from './catalog.ts'
import { locationInside } from './table-location.ts'
import { locationsOf, requireFileOf, type TableLocations } from './table-locations.ts'

/** Far above what any writer makes: a file is read as a whole. */
const FILE_BYTES_MAX = 64 * 1024 * 1024
/** Of one snapshot. */
const NEW_MANIFESTS_MAX = 1000
const ADMITTED_MAX = 100_000

export interface SnapshotAdmissionOptions {
  readonly io: FileIO
  /** The location that every table lies in. */
  readonly root: string
}

/**
 * Looks through what writers bring along: a snapshot may name manifests in the table's own folders alone, and those no other files than
 * such. Without it, whoever may write to one table could publish the files of all others. A manifest is read once.
 */
export class SnapshotAdmission {
  readonly #io: FileIO
  readonly #root: string
  /** Manifests and lists of them, each with the folder of the table that may name it; the oldest first. */
  readonly #admitted = new Set<string>()

  constructor({ io, root }: SnapshotAdmissionOptions) {
    this.#io = io
    this.#root = root
  }

  /**
   * Checks the snapshots that a change adds.
   * @param base the table as it is, whose manifests are accepted already; null when the change creates it
   * @throws REQUEST_INVALID naming the snapshot and the file
   */
  async check(change: TableChange, base: TableMetadata | null): Promise<void> {
    const locations = base === null ? this.#locationsOfNew(change) : locationsOf(base)
    // Whose location the catalog has yet to choose has no files.
    if (locations === undefined) return
    for (const { snapshot } of snapshotsAdded(change)) await this.#checkSnapshot(snapshot, locations, base)
  }

  #locationsOfNew({ updates }: TableChange): TableLocations | undefined {
    const update = updates.findLast(({ action }) => action === 'set-location')
    if (update?.action !== 'set-location') return undefined
    return { own: locationInside(this.#root, update.location), shared: [] }
  }

  async #checkSnapshot(
    snapshot: Snapshot,
    locations: TableLocations,
    base: TableMetadata | null,
  ): Promise<void> {
    const field = `manifest-list of snapshot ${snapshot['snapshot-id']}`
    requireFileOf(locations, snapshot['manifest-list'], field)
    const named = await this.#readList(snapshot, field)
    const isNew = ({ manifestPath }: ManifestFile): boolean =>
      !this.#admitted.has(keyOf(locations, manifestPath))
    const known = await this.#knownBefore(snapshot, locations, base)
    const added = named.filter(manifest => isNew(manifest) && !known.has(manifest.manifestPath))
    if (added.length > NEW_MANIFESTS_MAX) {
      throw refused(field, `it has ${added.length} new manifests, more than ${NEW_MANIFESTS_MAX}`)
    }
    await forEachParallel(added, ({ manifestPath }) => this.#checkManifest(manifestPath, locations))
    // The list is remembered first, so that it is forgotten before what it names.
    const paths = [snapshot['manifest-list'], ...named.map(({ manifestPath }) => manifestPath)]
    this.#remember(paths.map(path => keyOf(locations, path)))
  }

  /** What the snapshot before it names, unless that is remembered. */
  async #knownBefore(
    { 'parent-snapshot-id': parentId }: Snapshot,
    locations: TableLocations,
    base: TableMetadata | null,
  ): Promise<ReadonlySet<string>> {
    const parent = base?.snapshots.find(({ 'snapshot-id': id }) => id === parentId)
    if (parent === undefined || this.#admitted.has(keyOf(locations, parent['manifest-list']))) {
      return new Set()
    }
    const before = await this.#readList(parent, `manifest-list of snapshot ${parent['snapshot-id']}`)
    return new Set(before.map(({ manifestPath }) => manifestPath))
  }

  async #readList(snapshot: Snapshot, field: string): Promise<readonly ManifestFile[]> {
    const location = snapshot['manifest-list']
    const bytes = await this.#read(location, field)
    return decode(location, field, () => readManifestList(bytes))
  }

  async #checkManifest(location: string, locations: TableLocations): Promise<void> {
    requireFileOf(locations, location, 'manifest_path')
    const bytes = await this.#read(location, 'manifest_path')
    const { entries } = decode(location, 'manifest_path', () => readManifest(bytes))
    // Those that are deleted, too: who expires snapshots removes them.
    for (const { file } of entries) requireFileOf(locations, file.filePath, `file_path in ${location}`)
  }

  async #read(location: string, field: string): Promise<Uint8Array> {
    const sizeBytes = (await this.#io.stat(location))?.sizeBytes
    if (sizeBytes === undefined) throw refused(field, `there is no file ${location}`)
    if (sizeBytes > FILE_BYTES_MAX) {
      throw refused(field, `${location} has ${sizeBytes} bytes, more than ${FILE_BYTES_MAX}`)
    }
    return await this.#io.read(location)
  }

  #remember(keys: readonly string[]): void {
    for (const key of keys) {
      this.#admitted.delete(key)
      this.#admitted.add(key)
    }
    for (const oldest of this.#admitted) {
      if (this.#admitted.size <= ADMITTED_MAX) break
      this.#admitted.delete(oldest)
    }
  }
}

/** The updates of a change that bring a snapshot. */
export function snapshotsAdded({ updates }: TableChange) {
  return updates.filter(update => update.action === 'add-snapshot')
}

function keyOf({ own }: TableLocations, manifestPath: string): string {
  return `${own} ${manifestPath}`
}

function decode<T>(location: string, field: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isIngotError(error, 'METADATA_INVALID')) throw error
    throw refused(field, `${location}: ${error.message}`)
  }
}

function refused(field: string, why: string): IngotError {
  return new IngotError('REQUEST_INVALID', `${field}: ${why}`, {
    hint: 'write the file before the commit that names it, as the Iceberg specification says',
    context: { field },
  })
}
