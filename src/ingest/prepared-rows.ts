import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FieldTable } from './field-shapes.ts'
import type { Edit } from './json-checker.ts'
import { type PlainFile, PlainLines } from './plain-lines.ts'
import type { CheckedLines, CheckedRow, RefusedText, RowSink } from './row-sink.ts'
import { CARRIAGE_RETURN, COMMA, LINE_FEED, QUOTE, UNIT_SEPARATOR, ZERO } from './text-bytes.ts'

/** A file of rows whose lines name source and position: see PreparedRows. */
export interface PreparedFile {
  readonly path: string
  readonly sizeBytes: number
  /** Of the longest line: the engine's reader takes buffers by it. */
  readonly lineBytesMax: number
}

/** Rows, ready for the engine: in one of the two files at least. */
export interface PreparedPart {
  readonly prepared: PreparedFile | undefined
  readonly plain: PlainFile | undefined
  readonly rowCount: number
  /** The sources of its rows; a row names its own by the place from 1. */
  readonly sources: readonly string[]
  /** How many rows have a value, for each declared column in order: what the engine makes of it must agree. */
  readonly valueCounts: readonly number[]
}

export interface PreparedRowsOptions {
  /** Where the files go; whoever made it removes it. */
  readonly folder: string
  readonly fields: FieldTable
  /** A part is handed over when it is as large as that. */
  readonly partBytes: number
  /** Called with each part that is full; rows wait until it resolves, which bounds what waits for the engine. */
  readonly onPart: (part: PreparedPart) => Promise<void>
}

const BUFFER_BYTES = 256 * 1024
/** Fewer lines are written one by one, so that a part has few runs. */
const RUN_LINES_LEAST = 64
const PREFIX_BYTES_MAX = 64
const QUOTES_BYTES = 2
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3

/**
 * Writes checked rows for the engine. Lines that are rows as they are go to a file as they are; of others a line is `source 1f position 1f JSON 1f rescued`, where byte 1f can be in no JSON. A
 * copy, never the original, so that what was checked is what is read, whoever changes the file meanwhile.
 * What was refused goes to a file of its own, as JSON lines.
 */
export class PreparedRows implements RowSink {
  rowCount = 0
  rescuedCount = 0
  refusedCount = 0
  /** Of the longest line of what was refused. */
  refusedLineBytesMax = 0
  readonly refusedPath: string
  readonly #options: PreparedRowsOptions
  readonly #full: Buffer[] = []
  readonly #plain = new PlainLines()
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #at = 0
  #refused: string[] = []
  #part: { handle: FileHandle; path: string; sizeBytes: number } | undefined
  #refusedFile: FileHandle | undefined
  #partCount = 0
  #partRows = 0
  #partLineBytesMax = 0
  #sources: string[] = []

  constructor(options: PreparedRowsOptions) {
    this.#options = options
    this.refusedPath = join(options.folder, 'refused.ndjson')
  }

  /** The rows that follow are of this source. */
  begin(source: string): void {
    this.#sources.push(source)
  }

  row({ position, bytes, start, end, edits, rescued }: CheckedRow): void {
    this.#reserve(end - start + PREFIX_BYTES_MAX)
    this.#number(this.#sources.length)
    this.#put(UNIT_SEPARATOR)
    this.#number(position)
    this.#put(UNIT_SEPARATOR)
    if (edits.length === 0) this.#copy(bytes, start, end)
    else this.#copyEdited(bytes, start, end, edits)
    this.#reserve(2)
    this.#put(UNIT_SEPARATOR)
    let rescuedBytes = 0
    if (rescued.length > 0) {
      this.rescuedCount += 1
      this.#reserve(2)
      let separator = 0x7b
      for (const span of rescued) {
        this.#reserve(span.end - span.start + 3)
        this.#put(separator)
        this.#copy(bytes, span.start, span.end)
        separator = COMMA
        rescuedBytes += span.end - span.start + 2
      }
      this.#put(0x7d)
    }
    this.#reserve(1)
    this.#put(LINE_FEED)
    this.rowCount += 1
    this.#partRows += 1
    const lineBytes = end - start + addedBytes(edits) + PREFIX_BYTES_MAX + rescuedBytes
    if (lineBytes > this.#partLineBytesMax) this.#partLineBytesMax = lineBytes
  }

  lines({ position, count, bytes, start, end }: CheckedLines): void {
    if (count < RUN_LINES_LEAST) {
      this.#lineByLine(bytes, start, end, position)
      return
    }
    this.#plain.add(bytes.subarray(start, end), {
      source: this.#sources.length,
      firstPosition: position,
      count,
    })
    this.rowCount += count
    this.#partRows += count
  }

  #lineByLine(bytes: Buffer, start: number, end: number, firstPosition: number): void {
    let position = firstPosition
    for (let at = start; at < end; position += 1) {
      const lineEnd = bytes.indexOf(LINE_FEED, at)
      const rowEnd = bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd
      this.row({ position, bytes, start: at, end: rowEnd, edits: [], rescued: [] })
      at = lineEnd + 1
    }
  }

  refuse({ position, reason, raw }: RefusedText): void {
    this.refusedCount += 1
    const source = this.#sources.at(-1)
    this.#pushRefused({ source, position, reason, ...rawFields(raw) })
  }

  /** A file that is refused as a whole: there is no row, nor a position. */
  refuseFile(source: string, reason: string): void {
    this.refusedCount += 1
    this.#pushRefused({ source, position: null, reason, raw: null, raw_bytes: null })
  }

  #pushRefused(refused: Readonly<Record<string, unknown>>): void {
    const line = `${JSON.stringify(refused)}\n`
    this.#refused.push(line)
    this.refusedLineBytesMax = Math.max(this.refusedLineBytesMax, line.length * UTF8_BYTES_MAX)
  }

  async pause(): Promise<void> {
    await this.#plain.write(() => this.#newPath('ndjson'))
    if (this.#full.length > 0) await this.#write()
    if (this.#refused.length > 0) await this.#writeRefused()
    const partBytes = this.#plain.sizeBytes + (this.#part?.sizeBytes ?? 0)
    if (partBytes >= this.#options.partBytes) await this.handOver()
  }

  /** Hands the part over, however large; a part without rows is none. */
  async handOver(): Promise<void> {
    await this.#plain.write(() => this.#newPath('ndjson'))
    if (this.#at > 0 || this.#full.length > 0) await this.#write()
    const [source] = this.#sources.slice(-1)
    const part = {
      prepared: await this.#endPrepared(),
      plain: await this.#plain.end(),
      rowCount: this.#partRows,
      sources: this.#sources,
      valueCounts: this.#takeValueCounts(),
    }
    this.#partRows = 0
    this.#sources = source === undefined ? [] : [source]
    if (part.rowCount > 0) await this.#options.onPart(part)
  }

  async #endPrepared(): Promise<PreparedFile | undefined> {
    const part = this.#part
    const lineBytesMax = this.#partLineBytesMax
    this.#part = undefined
    this.#partLineBytesMax = 0
    await part?.handle.close()
    return part && { path: part.path, sizeBytes: part.sizeBytes, lineBytesMax }
  }

  /** Closes what is open; after a failure, too. */
  async close(): Promise<void> {
    await this.#part?.handle.close()
    await this.#plain.close()
    await this.#refusedFile?.close()
    this.#part = undefined
    this.#refusedFile = undefined
  }

  #takeValueCounts(): number[] {
    return this.#options.fields.declared.map(field => {
      const count = field.valueCount
      field.valueCount = 0
      return count
    })
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#buffer.length) return
    if (this.#at > 0) this.#full.push(this.#buffer.subarray(0, this.#at))
    this.#buffer = Buffer.allocUnsafe(Math.max(BUFFER_BYTES, count))
    this.#at = 0
  }

  #put(byte: number): void {
    this.#buffer[this.#at] = byte
    this.#at += 1
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    bytes.copy(this.#buffer, this.#at, start, end)
    this.#at += end - start
  }

  /** `value` in decimal digits, from the last to the first. */
  #number(value: number): void {
    let digitCount = 1
    for (let power = 10; power <= value; power *= 10) digitCount += 1
    let rest = value
    for (let at = this.#at + digitCount - 1; at >= this.#at; at -= 1) {
      const tens = Math.floor(rest / 10)
      this.#buffer[at] = ZERO + rest - tens * 10
      rest = tens
    }
    this.#at += digitCount
  }

  #copyEdited(bytes: Buffer, start: number, end: number, edits: readonly Edit[]): void {
    this.#reserve(end - start + PREFIX_BYTES_MAX + addedBytes(edits))
    let from = start
    for (const edit of edits) {
      this.#copy(bytes, from, edit.start)
      if (edit.instead !== undefined) this.#at += this.#buffer.write(edit.instead, this.#at, 'latin1')
      else {
        this.#put(QUOTE)
        this.#copy(bytes, edit.start, edit.end)
        this.#put(QUOTE)
      }
      from = edit.end
    }
    this.#copy(bytes, from, end)
  }

  async #write(): Promise<void> {
    const buffers = [...this.#full, this.#buffer.subarray(0, this.#at)]
    this.#full.length = 0
    this.#buffer = Buffer.allocUnsafe(BUFFER_BYTES)
    this.#at = 0
    this.#part ??= await this.#openPart()
    await this.#part.handle.writev(buffers)
    for (const buffer of buffers) this.#part.sizeBytes += buffer.length
  }

  async #openPart(): Promise<{ handle: FileHandle; path: string; sizeBytes: number }> {
    const path = this.#newPath('csv')
    return { handle: await open(path, 'wx'), path, sizeBytes: 0 }
  }

  #newPath(ending: string): string {
    this.#partCount += 1
    return join(this.#options.folder, `part-${this.#partCount}.${ending}`)
  }

  async #writeRefused(): Promise<void> {
    this.#refusedFile ??= await open(this.refusedPath, 'wx')
    await this.#refusedFile.write(this.#refused.join(''))
    this.#refused = []
  }
}

/** By how much edits make a line longer at the most. */
function addedBytes(edits: readonly Edit[]): number {
  return edits.reduce((total, { instead }) => total + (instead?.length ?? QUOTES_BYTES), 0)
}

/** Text as text; what is no UTF-8, or was cut within a character, as base64 of its bytes. */
function rawFields(raw: Buffer): { raw: string | null; raw_bytes: string | null } {
  return isUtf8(raw)
    ? { raw: raw.toString('utf8'), raw_bytes: null }
    : { raw: null, raw_bytes: raw.toString('base64') }
}
