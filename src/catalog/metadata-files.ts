import type { TableMetadata } from '../format/metadata-types.ts'
import { parseTableMetadata, serializeTableMetadata } from '../format/table-metadata.ts'
import { type Random, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'

const CACHE_BYTES_MAX = 64 * 1024 * 1024

interface CacheEntry {
  readonly metadata: TableMetadata
  /** Of the file: what is parsed takes a few times as much. */
  readonly sizeBytes: number
}

/** Table metadata files (Iceberg spec, "Table Metadata"): immutable, so what was read once is never read again. */
export class MetadataFiles {
  readonly #io: FileIO
  readonly #random: Random
  readonly #cacheBytesMax: number
  /** In the order of last use. */
  readonly #cache = new Map<string, CacheEntry>()
  #cachedBytes = 0

  /** `cacheBytesMax` counts the files, not what is parsed of them. @default 64 MiB */
  constructor(io: FileIO, random: Random, options: { readonly cacheBytesMax?: number } = {}) {
    this.#io = io
    this.#random = random
    this.#cacheBytesMax = options.cacheBytesMax ?? CACHE_BYTES_MAX
  }

  /** @throws FILE_NOT_FOUND, METADATA_INVALID, STORAGE_FAILED */
  async read(location: string): Promise<TableMetadata> {
    const cached = this.#cache.get(location)
    if (cached !== undefined) {
      this.#cache.delete(location)
      this.#cache.set(location, cached)
      return cached.metadata
    }
    const bytes = await this.#io.read(location)
    const metadata = parseTableMetadata(bytes)
    this.#remember(location, { metadata, sizeBytes: bytes.byteLength })
    return metadata
  }

  /** Writes a version under a new name, durably; the answer is its location. `previous` is the version before it. */
  async write(metadata: TableMetadata, previous: string | null): Promise<string> {
    const version = previous === null ? 0 : versionOf(previous) + 1
    const name = `${String(version).padStart(5, '0')}-${randomUuid(this.#random)}.metadata.json`
    const location = `${metadata.location}/metadata/${name}`
    const bytes = Buffer.from(serializeTableMetadata(metadata))
    await this.#io.create(location, bytes)
    this.#remember(location, { metadata, sizeBytes: bytes.byteLength })
    return location
  }

  /** Removes files that no pointer has ever named. Best effort: a file that stays is only a file too many. */
  async discard(locations: readonly string[]): Promise<void> {
    for (const location of locations) this.#forget(location)
    await this.#io.remove(locations).catch(() => undefined)
  }

  #remember(location: string, entry: CacheEntry): void {
    this.#forget(location)
    this.#cache.set(location, entry)
    this.#cachedBytes += entry.sizeBytes
    for (const oldest of this.#cache.keys()) {
      if (this.#cachedBytes <= this.#cacheBytesMax) return
      this.#forget(oldest)
    }
  }

  #forget(location: string): void {
    this.#cachedBytes -= this.#cache.get(location)?.sizeBytes ?? 0
    this.#cache.delete(location)
  }
}

/** The number that its name begins with; names by other catalogs may have none. */
function versionOf(location: string): number {
  const digits = /^v?(\d{1,9})\b/.exec(location.slice(location.lastIndexOf('/') + 1))?.[1]
  return digits === undefined ? 0 : Number(digits)
}
