import { IngotError, isIngotError } from '../errors.ts'
import { isDeletionVector } from '../format/deletion-vector.ts'
import { readManifest } from '../format/manifest.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { DataFile } from '../format/manifest-types.ts'
import { changePuffinFooter } from '../format/puffin.ts'
import { parseTableMetadata } from '../format/table-metadata.ts'
import { parseViewMetadata } from '../format/view-metadata.ts'
import type { FileIO } from '../storage/file-io.ts'
import { forEachParallel } from '../storage/for-each-parallel.ts'
import { relocateJson } from './relocate-json.ts'
import { relocateManifest, relocateManifestList } from './relocate-manifests.ts'
import type { Relocation } from './relocation.ts'

/** What was copied so far. */
export interface CopiedFiles {
  readonly files: number
  readonly bytes: number
  /** Files of the history that the source names and no longer has. */
  readonly missing: number
}

export interface FileCopierOptions {
  readonly source: FileIO
  readonly target: FileIO
  readonly relocation: Relocation
  /** The bytes of a Parquet file of deletes by position whose paths are those of the copies. */
  relocateDeletes(bytes: Uint8Array): Promise<Uint8Array>
  readonly signal: AbortSignal
  onFile(copied: CopiedFiles): void
}

/** Files are in memory: larger ones go one after another. */
const PARALLEL_BYTES_MAX = 16 * 1024 * 1024

/** How much of a copy is read at once when it is compared with what was written. */
const COMPARED_BYTES = 8 * 1024 * 1024

/** Whether a version must be whole, or is of a history in which other engines may have removed files. */
type Wholeness = 'whole' | 'history'

/**
 * Copies versions of tables with all files that they name. A file is written after everything that it names: one that is
 * there in the target is there with all below it, and a copy that was killed goes on where it was.
 */
export class FileCopier {
  readonly #options: FileCopierOptions
  /** Sizes of the copies that may differ from what the source says of them, by location in the source. */
  readonly #sizes = new Map<string, number>()
  /** Locations in the source of what is copied. */
  readonly #done = new Set<string>()
  #copied: CopiedFiles = { files: 0, bytes: 0, missing: 0 }

  constructor(options: FileCopierOptions) {
    this.#options = options
  }

  get copied(): CopiedFiles {
    return this.#copied
  }

  /** @throws FILE_NOT_FOUND when it must be whole and is not */
  copyTable(location: string, wholeness: Wholeness): Promise<void> {
    return this.#copy(location, wholeness, async bytes => {
      const metadata = parseTableMetadata(bytes)
      const folder = this.#options.relocation.move(metadata.location)
      await this.#options.target.makeFolder(`${folder}/data`)
      await this.#options.target.makeFolder(`${folder}/metadata`)
      for (const snapshot of metadata.snapshots) await this.#copyList(snapshot['manifest-list'], wholeness)
      const statistics = [...(metadata.statistics ?? []), ...(metadata['partition-statistics'] ?? [])]
      for (const file of statistics) await this.#copyPlain(file['statistics-path'], 'history')
      return this.#relocateJson(bytes)
    })
  }

  copyView(location: string, wholeness: Wholeness): Promise<void> {
    return this.#copy(location, wholeness, async bytes => {
      const { location: folder } = parseViewMetadata(bytes)
      await this.#options.target.makeFolder(`${this.#options.relocation.move(folder)}/metadata`)
      return this.#relocateJson(bytes)
    })
  }

  #copyList(location: string, wholeness: Wholeness): Promise<void> {
    return this.#copy(location, wholeness, async bytes => {
      for (const { manifestPath } of readManifestList(bytes)) {
        await this.#copyManifest(manifestPath, wholeness)
      }
      return relocateManifestList(bytes, this.#options.relocation, this.#sizes)
    })
  }

  #copyManifest(location: string, wholeness: Wholeness): Promise<void> {
    return this.#copy(location, wholeness, async bytes => {
      const live = readManifest(bytes).entries.filter(({ status }) => status !== 'deleted')
      // Deletion vectors share their file.
      const files = [...new Map(live.map(({ file }) => [file.filePath, file])).values()]
      const isSmall = (file: DataFile): boolean => file.fileSizeBytes <= PARALLEL_BYTES_MAX
      await forEachParallel(files.filter(isSmall), file => this.#copyFile(file, wholeness))
      for (const file of files) if (!isSmall(file)) await this.#copyFile(file, wholeness)
      return relocateManifest(bytes, this.#options.relocation, this.#sizes)
    })
  }

  async #copyFile(file: DataFile, wholeness: Wholeness): Promise<void> {
    const { filePath, content, fileFormat } = file
    if (content !== 'position-deletes') return await this.#copyPlain(filePath, wholeness)
    await this.#copy(filePath, wholeness, async bytes => {
      if (isDeletionVector(file)) {
        return changePuffinFooter(bytes, payload => relocateJson(payload, this.#options.relocation))
      }
      if (fileFormat === 'PARQUET') return await this.#options.relocateDeletes(bytes)
      throw new IngotError(
        'UNSUPPORTED',
        `deletes by position in ${fileFormat} cannot be copied: ${filePath}`,
        {
          hint: 'compact the table with the engine that wrote them, and let its history expire',
          context: { file: filePath },
        },
      )
    })
  }

  #copyPlain(location: string, wholeness: Wholeness): Promise<void> {
    return this.#copy(location, wholeness, async bytes => bytes)
  }

  /** Copies one file as `change` makes it anew, when it is not there yet. */
  async #copy(
    location: string,
    wholeness: Wholeness,
    change: (bytes: Uint8Array) => Promise<Uint8Array>,
  ): Promise<void> {
    if (this.#done.has(location)) return
    this.#options.signal.throwIfAborted()
    const { source, target, relocation } = this.#options
    const there = await target.stat(relocation.move(location))
    if (there === undefined) {
      const bytes = await readUnlessGone(source, location, wholeness)
      if (bytes === undefined) this.#tell({ missing: this.#copied.missing + 1 })
      else await this.#write(location, await change(bytes))
    } else {
      this.#sizes.set(location, there.sizeBytes)
    }
    this.#done.add(location)
  }

  async #write(location: string, bytes: Uint8Array): Promise<void> {
    const { target, relocation } = this.#options
    const moved = relocation.move(location)
    try {
      await target.create(moved, bytes)
    } catch (error) {
      // Another copy was faster: it writes the same.
      if (!isIngotError(error, 'FILE_EXISTS')) throw error
    }
    if (await hasBytes(target, moved, bytes)) {
      this.#sizes.set(location, bytes.length)
      return this.#tell({ files: this.#copied.files + 1, bytes: this.#copied.bytes + bytes.length })
    }
    throw new IngotError('STORAGE_FAILED', `${moved} is not what was written there`, {
      hint: 'remove it and copy again; another program may write there, or the storage is damaged',
      context: { source: location, target: moved, expectedBytes: bytes.length },
    })
  }

  #relocateJson(bytes: Uint8Array): Uint8Array {
    return Buffer.from(relocateJson(Buffer.from(bytes).toString('utf8'), this.#options.relocation))
  }

  #tell(news: Partial<CopiedFiles>): void {
    this.#copied = { ...this.#copied, ...news }
    this.#options.onFile(this.#copied)
  }
}

async function readUnlessGone(
  source: FileIO,
  location: string,
  wholeness: Wholeness,
): Promise<Uint8Array | undefined> {
  try {
    return await source.read(location)
  } catch (error) {
    if (wholeness === 'history' && isIngotError(error, 'FILE_NOT_FOUND')) return undefined
    throw error
  }
}

/** Whether a file has these bytes and no more; it is read in parts. */
async function hasBytes(io: FileIO, location: string, bytes: Uint8Array): Promise<boolean> {
  // One byte further than there should be.
  for (let start = 0; start <= bytes.length; start += COMPARED_BYTES) {
    const end = Math.min(start + COMPARED_BYTES, bytes.length + 1)
    const found = await io.read(location, { start, end })
    if (Buffer.compare(found, bytes.subarray(start, end)) !== 0) return false
  }
  return true
}
