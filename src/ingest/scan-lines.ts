import { isUtf8 } from 'node:buffer'
import { CARRIAGE_RETURN, LINE_FEED, SPACE, TAB } from './text-bytes.ts'

/** Where the lines of a text go. `bytes[end]` is always there: it is the line end, CR included. */
export interface LineSink {
  /** A line that is not blank. It, and `place`, are only there during the call. */
  line(bytes: Buffer, start: number, end: number, place: LinePlace): void
  /** Whether a blank line is part of what the line before began. */
  readonly takesBlankLines?: boolean
  /** Takes lines many at a time where it can. */
  readonly runs?: LineRunSink
  /** Called when lines were handed over and the next ones wait: the place to write them out. */
  pause(): Promise<void>
}

/** Takes lines that follow one another at once. */
export interface LineRunSink {
  /** Whole lines, each with its line end, come next: all that [start, end) has, all UTF-8. */
  begin(bytes: Buffer, start: number, end: number): void
  /**
   * Takes what lines it can from `start` on, and says how many. The next one is handed over by itself, then it is asked
   * again. The bytes stay until `pause` resolves.
   */
  take(bytes: Buffer, start: number, position: number): number
  /** Where the lines end that the last `take` took. */
  readonly end: number
}

export interface LinePlace {
  /** From 1, blank lines counted. */
  position: number
  isUtf8: boolean
  /** False for a last line without line end. */
  isTerminated: boolean
  /** The line's length in the text, more than [start, end) holds when it was longer than the limit. */
  lengthBytes: number
}

export interface ScanLinesOptions {
  /** Of a longer line only this many bytes are handed over. */
  readonly lineBytesMax: number
  /** The position of the first line. @default 1 */
  readonly firstPosition?: number
  /** Whether the text starts here, so that a byte order mark is none of its bytes. @default true */
  readonly isStart?: boolean
}

export interface ScannedLines {
  /** Lines, blank ones included. */
  readonly lineCount: number
  readonly blankCount: number
  /** How many bytes of the text a last line without line end has. */
  readonly unterminatedBytes: number
}

/** Cuts a text into lines, in one pass and bounded memory. A line of nothing but blanks is blank. */
export async function scanLines(
  chunks: AsyncIterable<Buffer>,
  options: ScanLinesOptions,
  sink: LineSink,
): Promise<ScannedLines> {
  const scanner = new LineScanner(options, sink)
  for await (const chunk of chunks) {
    scanner.push(chunk)
    await sink.pause()
  }
  const scanned = scanner.end()
  await sink.pause()
  return scanned
}

class LineScanner {
  readonly #sink: LineSink
  readonly #lineBytesMax: number
  readonly #place: LinePlace
  readonly #firstPosition: number
  #atStart: boolean
  #blankCount = 0
  #carried: Buffer[] = []
  /** Bytes in `#carried`, and of the line so far: more when it is too long. */
  #carriedBytes = 0
  #lineBytes = 0

  constructor(options: ScanLinesOptions, sink: LineSink) {
    this.#sink = sink
    this.#lineBytesMax = options.lineBytesMax
    this.#firstPosition = options.firstPosition ?? 1
    this.#atStart = options.isStart ?? true
    this.#place = { position: this.#firstPosition, isUtf8: true, isTerminated: true, lengthBytes: 0 }
  }

  push(chunk: Buffer): void {
    const first = chunk.indexOf(LINE_FEED)
    if (first < 0) {
      this.#carry(chunk)
      return
    }
    let start = 0
    if (this.#lineBytes > 0) {
      this.#carry(chunk.subarray(0, first))
      this.#flushCarried()
      start = first + 1
    }
    const last = chunk.lastIndexOf(LINE_FEED)
    if (start <= last) this.#lines(chunk, start, last + 1)
    if (last + 1 < chunk.length) this.#carry(chunk.subarray(last + 1))
  }

  end(): ScannedLines {
    const unterminatedBytes = this.#lineBytes
    if (unterminatedBytes > 0) {
      this.#place.isTerminated = false
      this.#flushCarried()
    }
    const lineCount = this.#place.position - this.#firstPosition
    return { lineCount, blankCount: this.#blankCount, unterminatedBytes }
  }

  #carry(bytes: Buffer): void {
    this.#lineBytes += bytes.length
    const room = this.#lineBytesMax + MARGIN_BYTES - this.#carriedBytes
    if (room <= 0) return
    // A copy: whoever reads the chunks may use one buffer for all of them.
    const kept = Buffer.from(bytes.subarray(0, room))
    this.#carried.push(kept)
    this.#carriedBytes += kept.length
  }

  #flushCarried(): void {
    const line = Buffer.concat([...this.#carried, Buffer.of(LINE_FEED)])
    const { isTerminated } = this.#place
    const dropped = this.#lineBytes - this.#carriedBytes
    this.#carried = []
    this.#carriedBytes = 0
    this.#lineBytes = 0
    const start = this.#skipMark(line, 0)
    this.#place.isUtf8 = isUtf8(line)
    this.#place.isTerminated = isTerminated
    this.#emit(line, start, line.length - 1, dropped)
  }

  /** The lines of [from, to), which ends with a line end. */
  #lines(bytes: Buffer, from: number, to: number): void {
    const isAllUtf8 = isUtf8(bytes.subarray(from, to))
    this.#place.isUtf8 = true
    const runs = isAllUtf8 ? this.#sink.runs : undefined
    let start = this.#skipMark(bytes, from)
    runs?.begin(bytes, start, to)
    while (start < to) {
      if (runs !== undefined) {
        this.#place.position += runs.take(bytes, start, this.#place.position)
        start = runs.end
        if (start === to) return
      }
      const end = bytes.indexOf(LINE_FEED, start)
      if (!isAllUtf8) this.#place.isUtf8 = isUtf8(bytes.subarray(start, end))
      this.#emit(bytes, start, end, 0)
      start = end + 1
    }
  }

  #skipMark(bytes: Buffer, start: number): number {
    if (!this.#atStart) return start
    this.#atStart = false
    return bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf ? start + 3 : start
  }

  #emit(bytes: Buffer, start: number, lineEnd: number, droppedBytes: number): void {
    const endsWithReturn = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN && droppedBytes === 0
    const end = endsWithReturn ? lineEnd - 1 : lineEnd
    const place = this.#place
    place.lengthBytes = end - start + droppedBytes
    if (isBlank(bytes, start, end) && this.#sink.takesBlankLines !== true) this.#blankCount += 1
    else this.#sink.line(bytes, start, Math.min(end, start + this.#lineBytesMax), place)
    place.position += 1
  }
}

/** Room for what does not count as the line's: a byte order mark and a CR. */
const MARGIN_BYTES = 4

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if (bytes[at] !== SPACE && bytes[at] !== TAB) return false
  }
  return true
}
