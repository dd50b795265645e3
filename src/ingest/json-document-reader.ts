import { isUtf8 } from 'node:buffer'
import type { JsonChecker } from './json-checker.ts'
import { refusalOf, undeclaredField } from './ndjson-reader.ts'
import type { RowSink } from './row-sink.ts'
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
} from './text-bytes.ts'

/** Where the reader is: before the first value, in an array's elements, among values one after the other, after the array. */
type Mode = 'start' | 'array' | 'sequence' | 'end'

export interface JsonDocumentReaderOptions {
  readonly source: string
  readonly checker: JsonChecker
  readonly sink: RowSink
  readonly lineBytesMax: number
}

/**
 * Takes a JSON document apart: one array, whose elements are the rows, or values one after the other. Positions count
 * the elements from 1. Only brackets and strings are told apart here; what is between two separators is checked as a whole.
 */
export class JsonDocumentReader {
  readonly #options: JsonDocumentReaderOptions
  #mode: Mode = 'start'
  #position = 1
  #depth = 0
  #inString = false
  #escaped = false
  #isFirstByte = true
  #value: Buffer
  #valueBytes = 0
  #hasComma = false

  constructor(options: JsonDocumentReaderOptions) {
    this.#options = options
    this.#value = Buffer.alloc(64 * 1024)
  }

  /** Reads the whole document; returns the number of elements. */
  async read(chunks: AsyncIterable<Buffer>): Promise<number> {
    for await (const chunk of chunks) {
      for (const byte of this.#withoutMark(chunk)) this.#byte(byte)
      await this.#options.sink.pause()
    }
    this.#end()
    await this.#options.sink.pause()
    return this.#position - 1
  }

  #withoutMark(chunk: Buffer): Buffer {
    const hasMark = this.#isFirstByte && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf
    this.#isFirstByte = false
    return hasMark ? chunk.subarray(3) : chunk
  }

  #byte(byte: number): void {
    if (this.#inString) {
      this.#put(byte)
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) this.#inString = false
      return
    }
    if (isBlankByte(byte)) this.#blank()
    else if (this.#mode === 'start' && byte === OPEN_BRACKET) this.#mode = 'array'
    else this.#text(byte)
  }

  /** Line ends between the tokens become blanks, so that each element is one line. */
  #blank(): void {
    if (this.#valueBytes === 0) return
    if (this.#mode === 'sequence' && this.#depth === 0) this.#flush()
    else this.#put(SPACE)
  }

  #text(byte: number): void {
    if (this.#mode === 'start') this.#mode = 'sequence'
    if (this.#mode === 'array' && this.#depth === 0) {
      if (byte === COMMA) {
        this.#comma()
        return
      }
      if (byte === CLOSE_BRACKET) {
        this.#closeArray()
        return
      }
    }
    const isOpening = byte === OPEN_BRACE || byte === OPEN_BRACKET
    if (isOpening && this.#mode === 'sequence' && this.#depth === 0 && this.#valueBytes > 0) this.#flush()
    this.#put(byte)
    if (byte === QUOTE) this.#inString = true
    else if (isOpening) this.#depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth = Math.max(0, this.#depth - 1)
      if (this.#depth === 0 && this.#mode === 'sequence') this.#flush()
    }
  }

  #comma(): void {
    this.#hasComma = true
    if (this.#valueBytes === 0) this.#refuse('nothing between two commas of the array')
    else this.#flush()
  }

  #closeArray(): void {
    if (this.#valueBytes > 0) this.#flush()
    else if (this.#hasComma) this.#refuse('nothing after the last comma of the array')
    this.#mode = 'end'
  }

  #end(): void {
    const { mode, open } = { mode: this.#mode, open: this.#inString || this.#depth > 0 }
    if (mode === 'end' && this.#valueBytes > 0) {
      this.#refuse('text after the end of the array')
      return
    }
    if (open) {
      this.#refuse('the document ends inside a value')
      return
    }
    if (this.#valueBytes > 0) this.#flush()
    if (mode === 'array') this.#refuse('the document ends before its array does')
  }

  #put(byte: number): void {
    if (this.#valueBytes < this.#options.lineBytesMax) {
      if (this.#valueBytes + 1 >= this.#value.length) this.#grow()
      this.#value[this.#valueBytes] = byte
    }
    this.#valueBytes += 1
  }

  #grow(): void {
    const grown = Buffer.alloc(this.#value.length * 2)
    this.#value.copy(grown)
    this.#value = grown
  }

  #flush(): void {
    const { checker, sink, source, lineBytesMax } = this.#options
    const end = this.#trimmedEnd()
    const bytes = this.#value
    const place = { isUtf8: isUtf8(bytes.subarray(0, end)), lengthBytes: this.#valueBytes }
    const refusal = refusalOf(place, lineBytesMax)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#valueBytes = end
    if (end + 1 > bytes.length) this.#grow()
    this.#value[end] = LINE_FEED
    if (!checker.check(this.#value, 0, end)) {
      this.#refuse(checker.refusal)
      return
    }
    const position = this.#position
    if (checker.undeclaredName !== undefined) throw undeclaredField(checker.undeclaredName, source, position)
    sink.row({ position, bytes: this.#value, start: 0, end, edits: checker.edits, rescued: checker.rescued })
    this.#next()
  }

  #refuse(reason: string): void {
    const end = this.#trimmedEnd()
    this.#options.sink.refuse({ position: this.#position, reason, raw: this.#value.subarray(0, end) })
    this.#next()
  }

  /** Of the value, without the blanks before the separator. */
  #trimmedEnd(): number {
    let end = Math.min(this.#valueBytes, this.#options.lineBytesMax)
    while (end > 0 && this.#value[end - 1] === SPACE) end -= 1
    return end
  }

  #next(): void {
    this.#position += 1
    this.#valueBytes = 0
  }
}

function isBlankByte(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB
}
