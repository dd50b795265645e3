import type { TableMetadata } from '../format/metadata-types.ts'
import { parseTableMetadata, serializeTableMetadata } from '../format/table-metadata.ts'
import { parseViewMetadata } from '../format/view-metadata.ts'
import type { ViewMetadata } from '../format/view-types.ts'
import { stringifyJson } from '../json.ts'
import { type Random, randomUuid } from '../random.ts'
import type { FileIO } from '../storage/file-io.ts'

const CACHE_BYTES_MAX = 64 * 1024 * 1024

/** How metadata of one kind is written down. */
interface MetadataCodec<M> {
  parse(source: Uint8Array): M
  serialize(metadata: M): string
}

const TABLE_METADATA: MetadataCodec<TableMetadata> = {
  parse: parseTableMetadata,
  serialize: serializeTableMetadata,
}
const VIEW_METADATA: MetadataCodec<ViewMetadata> = { parse: parseViewMetadata, serialize: stringifyJson }

interface CacheEntry<M> {
  readonly metadata: M
  /** Of the file: what is parsed takes a few times as much. */
  readonly sizeBytes: number
}

interface MetadataFilesOptions {
  /** Counts the files, not what is parsed of them. @default 64 MiB */
  readonly cacheBytesMax?: number
}

/** The metadata files of tables (Iceberg spec, "Table Metadata"). */
export function tableMetadataFiles(
  io: FileIO,
  random: Random,
  options: MetadataFilesOptions = {},
): MetadataFiles<TableMetadata> {
  return new MetadataFiles(TABLE_METADATA, io, random, options)
}

/** The metadata files of views (Iceberg view spec, "View Metadata"). */
export function viewMetadataFiles(io: FileIO, random: Random): MetadataFiles<ViewMetadata> {
  return new MetadataFiles(VIEW_METADATA, io, random, {})
}

/** Metadata files of one kind: immutable, so what was read once is never read again. */
export class MetadataFiles<M extends { readonly location: string }> {
  readonly #codec: MetadataCodec<M>
  readonly #io: FileIO
  readonly #random: Random
  readonly #cacheBytesMax: number
  /** In the order of last use. */
  readonly #cache = new Map<string, CacheEntry<M>>()
  #cachedBytes = 0

  constructor(codec: MetadataCodec<M>, io: FileIO, random: Random, options: MetadataFilesOptions) {
    this.#codec = codec
    this.#io = io
    this.#random = random
    this.#cacheBytesMax = options.cacheBytesMax ?? CACHE_BYTES_MAX
  }

  /** @throws FILE_NOT_FOUND, METADATA_INVALID, STORAGE_FAILED */
  async read(location: string): Promise<M> {
    const cached = this.#cache.get(location)
    if (cached !== undefined) {
      this.#cache.delete(location)
      this.#cache.set(location, cached)
      return cached.metadata
    }
    const bytes = await this.#io.read(location)
    const metadata = this.#codec.parse(bytes)
    this.#remember(location, { metadata, sizeBytes: bytes.byteLength })
    return metadata
  }

  /** Writes a version under a new name, durably; the answer is its location. `previous` is the version before it. */
  async write(metadata: M, previous: string | null): Promise<string> {
    const version = previous === null ? 0 : versionOf(previous) + 1
    const name = `${String(version).padStart(5, '0')}-${randomUuid(this.#random)}.metadata.json`
    const location = `${metadata.location}/metadata/${name}`
    const bytes = Buffer.from(this.#codec.serialize(metadata))
    await this.#io.create(location, bytes)
    this.#remember(location, { metadata, sizeBytes: bytes.byteLength })
    return location
  }

  /** Removes files that no pointer has ever named. Best effort: a file that stays is only a file too many. */
  async discard(locations: readonly string[]): Promise<void> {
    for (const location of locations) this.#forget(location)
    await this.#io.remove(locations).catch(() => undefined)
  }

  #remember(location: string, entry: CacheEntry<M>): void {
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
