import { type CsvField, parseCsvRecord } from './csv-record.ts'
import { CsvRowBuilder, type CsvRowOptions } from './csv-row-builder.ts'
import { refusalOf } from './ndjson-reader.ts'
import type { RowSink } from './row-sink.ts'
import type { LinePlace, LineSink } from './scan-lines.ts'
import { CARRIAGE_RETURN, LINE_FEED, QUOTE } from './text-bytes.ts'

export interface CsvReaderOptions extends CsvRowOptions {
  readonly sink: RowSink
  readonly delimiter: number
  readonly lineBytesMax: number
  /** Whether the first record is the header, which is no row. */
  readonly skipsFirst: boolean
}

/** A record that the text ends within: what follows later may close its quote. */
export interface OpenRecord {
  /** Of its first line. */
  readonly position: number
  /** Of its lines that have a line end. */
  readonly terminatedBytes: number
  /** Rows that its lines made, each read by itself. */
  readonly rowCount: number
}

interface PhysicalLine {
  readonly bytes: Buffer
  readonly place: LinePlace
}

/**
 * Takes lines of CSV and makes rows of JSON; a quoted field may go on over lines, and a row's position is that of its first
 * line. Where a quote is never closed, its line alone is refused and the next ones are read on their own: until the file grows, when it
 * was the end of the text that left it open.
 */
export class CsvReader implements LineSink {
  isOpenLineRefused = false
  openRecord: OpenRecord | undefined
  readonly #options: CsvReaderOptions
  readonly #builder: CsvRowBuilder
  readonly #fields: CsvField[] = []
  #skipsNext: boolean
  #open: PhysicalLine[] = []
  #openBytes = 0
  #hasOddQuotes = false
  #isReplaying = false
  #rowCount = 0

  constructor(options: CsvReaderOptions) {
    this.#options = options
    this.#builder = new CsvRowBuilder(options)
    this.#skipsNext = options.skipsFirst
  }

  get takesBlankLines(): boolean {
    return this.#open.length > 0
  }

  line(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    if (this.#open.length > 0) {
      this.#continue(bytes, start, end, place)
      return
    }
    const refusal = refusalOf(place, this.#options.lineBytesMax)
    if (refusal !== undefined) {
      this.#refuse(refusal, bytes.subarray(start, end), place)
      return
    }
    const parsed = parseCsvRecord(bytes, start, end, this.#options.delimiter, this.#fields)
    if (parsed === 'complete') this.#record(bytes, start, end, place)
    else if (parsed === 'open' && place.isTerminated && !this.#isReplaying)
      this.#begin(bytes, start, end, place)
    else this.#refuse(parsed === 'open' ? NOT_CLOSED : MALFORMED, bytes.subarray(start, end), place)
  }

  async pause(): Promise<void> {
    await this.#options.sink.pause()
  }

  /** To be called after the last line. */
  end(): void {
    if (this.#open.length > 0) this.#endOpen(NOT_CLOSED)
  }

  #begin(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    const opening = (this.#fields.at(-1)?.start ?? start) - 1
    // Quotes before it belong to fields that are closed, or are characters of theirs.
    this.#hasOddQuotes = hasOddQuotes(bytes, start, opening)
    this.#push(bytes, start, end, place)
  }

  #push(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    const lineEnd = bytes[end] === CARRIAGE_RETURN && place.isTerminated ? end + 2 : end + 1
    this.#open.push({ bytes: Buffer.from(bytes.subarray(start, lineEnd)), place: { ...place } })
    this.#openBytes += lineEnd - start
    if (hasOddQuotes(bytes, start, end)) this.#hasOddQuotes = !this.#hasOddQuotes
  }

  #continue(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    this.#push(bytes, start, end, place)
    if (this.#openBytes > this.#options.lineBytesMax) {
      this.#giveUp(NOT_CLOSED)
      return
    }
    // Quotes that are doubled keep the count even: while it is odd the field cannot have been closed.
    if (this.#hasOddQuotes) {
      if (!place.isTerminated) this.#endOpen(NOT_CLOSED)
      return
    }
    const record = Buffer.concat(this.#open.map(line => line.bytes))
    const recordEnd = record.length - (record.at(-2) === CARRIAGE_RETURN ? 2 : 1)
    const parsed = parseCsvRecord(record, 0, recordEnd, this.#options.delimiter, this.#fields)
    if (parsed !== 'complete') {
      const reason = parsed === 'open' ? NOT_CLOSED : MALFORMED
      if (place.isTerminated) this.#giveUp(reason)
      else this.#endOpen(reason)
      return
    }
    const open = this.#openRecord()
    const isUtf8 = this.#open.every(line => line.place.isUtf8)
    this.#close()
    this.#record(record, 0, recordEnd, { ...place, position: open.position, isUtf8 })
    if (this.isOpenLineRefused) this.openRecord = open
  }

  #close(): void {
    this.#open = []
    this.#openBytes = 0
  }

  /** The text ends within a record. */
  #endOpen(reason: string): void {
    const open = this.#openRecord()
    const rowCount = this.#rowCount
    this.#giveUp(reason)
    this.openRecord = { ...open, rowCount: this.#rowCount - rowCount }
  }

  #openRecord(): OpenRecord {
    const position = this.#open[0]?.place.position ?? 0
    const terminated = this.#open.filter(({ place }) => place.isTerminated)
    const terminatedBytes = terminated.reduce((total, { bytes }) => total + bytes.length, 0)
    return { position, terminatedBytes, rowCount: 0 }
  }

  /** Refuses the line that opened the quote and reads those after it again, each by itself. */
  #giveUp(reason: string): void {
    const [first, ...others] = this.#open
    this.#close()
    if (first !== undefined) this.#refuse(reason, withoutLineEnd(first.bytes), first.place)
    this.#isReplaying = true
    for (const { bytes, place } of others) {
      const text = withoutLineEnd(bytes)
      if (text.length > 0) this.line(bytes, 0, text.length, place)
    }
    this.#isReplaying = false
  }

  #record(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    if (!place.isUtf8) {
      this.#refuse('not valid UTF-8', bytes.subarray(start, end), place)
      return
    }
    if (this.#skipsNext) {
      this.#skipsNext = false
      return
    }
    const built = this.#builder.build(bytes, this.#fields, place.position)
    if (typeof built === 'string') this.#refuse(built, bytes.subarray(start, end), place)
    else {
      this.#rowCount += 1
      this.#options.sink.row(built)
    }
  }

  #refuse(reason: string, raw: Buffer, place: LinePlace): void {
    this.#skipsNext = false
    this.isOpenLineRefused = !place.isTerminated
    this.#options.sink.refuse({ position: place.position, reason, raw })
  }
}

const NOT_CLOSED = 'a quoted field is not closed'
const MALFORMED = 'text after the end of a quoted field'

function hasOddQuotes(bytes: Buffer, start: number, end: number): boolean {
  let isOdd = false
  for (let at = start; at < end; at += 1) if (bytes[at] === QUOTE) isOdd = !isOdd
  return isOdd
}

function withoutLineEnd(line: Buffer): Buffer {
  let end = line.length
  if (end > 0 && line[end - 1] === LINE_FEED) end -= 1
  if (end > 0 && line[end - 1] === CARRIAGE_RETURN) end -= 1
  return line.subarray(0, end)
}
