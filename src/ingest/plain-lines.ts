import { type FileHandle, open } from 'node:fs/promises'

/** Lines that follow one another in a source. */
export interface LineRun {
  /** The place of their source among the part's, from 1. */
  readonly source: number
  readonly firstPosition: number
  readonly count: number
}

/** A file of lines as they were in their sources, for the engine to read as JSON. */
export interface PlainFile {
  readonly path: string
  readonly sizeBytes: number
  /** In the order of the file. */
  readonly runs: readonly LineRun[]
}

/**
 * Copies lines that need no change. A row's position is not written: it follows from the runs, since the engine keeps the
 * order of lines.
 */
export class PlainLines {
  sizeBytes = 0
  #waiting: Buffer[] = []
  #runs: LineRun[] = []
  #file: { readonly handle: FileHandle; readonly path: string } | undefined

  /** The bytes must stay as they are until they are written. */
  add(bytes: Buffer, run: LineRun): void {
    this.#waiting.push(bytes)
    const last = this.#runs.at(-1)
    if (last?.source === run.source && last.firstPosition + last.count === run.firstPosition) {
      this.#runs[this.#runs.length - 1] = { ...last, count: last.count + run.count }
    } else this.#runs.push(run)
  }

  /** Writes what was added; to a file at `path` when none was begun. */
  async write(path: () => string): Promise<void> {
    if (this.#waiting.length === 0) return
    this.#file ??= await create(path())
    for (const bytes of this.#waiting) this.sizeBytes += bytes.length
    await this.#file.handle.writev(this.#waiting)
    this.#waiting = []
  }

  /** Ends the file, all written; undefined when there is none. */
  async end(): Promise<PlainFile | undefined> {
    const { sizeBytes } = this
    const runs = this.#runs
    const path = this.#file?.path
    await this.close()
    this.sizeBytes = 0
    this.#runs = []
    return path === undefined ? undefined : { path, sizeBytes, runs }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.handle.close()
  }
}

async function create(path: string): Promise<{ readonly handle: FileHandle; readonly path: string }> {
  return { handle: await open(path, 'wx'), path }
}
