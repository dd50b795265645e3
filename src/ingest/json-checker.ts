import type { Type } from '../format/types.ts'
import { type Field, FieldTable, type Shape } from './field-shapes.ts'
import { isInexactInDouble, scanNumber, withoutExponent } from './number-checks.ts'
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
  ZERO,
} from './text-bytes.ts'

/** What happens to a field that is not declared. */
export type UndeclaredFields = 'rescue' | 'ignore' | 'fail'

export interface JsonCheckerOptions {
  /** The row's columns; undefined: any JSON value is a row, and nothing in it is looked at. */
  readonly columns: readonly { readonly name: string; readonly type: Type }[] | undefined
  readonly undeclared: UndeclaredFields
  readonly nestingMax: number
}

/** A piece of the line that is written differently. */
export interface Edit {
  start: number
  end: number
  /** What is written instead; undefined: the same as a text, so that the engine keeps its digits. */
  instead: string | undefined
}

/** A piece of a line; `end` is exclusive. */
export interface Span {
  start: number
  end: number
}

const MALFORMED = -1
const SHORT_NUMBER_DIGITS = 9

/**
 * Checks lines of JSON against columns, byte by byte, without making values: whether the text is JSON (RFC 8259) at
 * all, and which of its values are not what their columns hold, exactly. One instance serves one file at a time; what
 * it says of a line (`edits`, `rescued`, `refusal`) holds until the next call.
 */
export class JsonChecker {
  /** Why the last line was refused. */
  refusal = ''
  /** In order of place, none within another. */
  readonly edits: Edit[] = []
  /** Fields of the row, name and value, that go to `_rescued`. */
  readonly rescued: Span[] = []
  /** The first undeclared field of the last line where such fields are to fail. */
  undeclaredName: string | undefined
  readonly fields: FieldTable
  readonly #hasColumns: boolean
  readonly #undeclared: UndeclaredFields
  readonly #nestingMax: number
  #bytes: Uint8Array = new Uint8Array()
  #depth = 0
  #objectCount = 0
  #misfits = 0
  /** Fields of the line that hold a value, as far as #keptCount. */
  readonly #kept: Field[] = []
  #keptCount = 0
  /** The fields of `rescued`, one for each. */
  readonly #rescuedFields: Field[] = []

  constructor(options: JsonCheckerOptions) {
    this.fields = new FieldTable(options.columns ?? [])
    this.#hasColumns = options.columns !== undefined
    this.#undeclared = options.undeclared
    this.#nestingMax = options.nestingMax
  }

  /** Counts objects: a field whose `seenInObject` is greater than what this was has been seen since. */
  get objectCount(): number {
    return this.#objectCount
  }

  /**
   * Whether the line in [start, end) is a row. `bytes[end]` must be there and be a control character other than the
   * tab (a line end): no JSON text goes on over it, which spares the bounds checks.
   */
  check(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#reset()
    const first = this.#skipBlanks(start)
    const at = this.#hasColumns ? this.#row(first) : this.#any(first)
    if (at === MALFORMED) return this.#refuse(start)
    const last = this.#skipBlanks(at)
    if (last !== end) {
      this.#failedAt = last
      return this.#refuse(start)
    }
    for (let index = 0; index < this.#keptCount; index += 1) {
      const field = this.#kept[index]
      if (field !== undefined) field.valueCount += 1
    }
    for (const field of this.#rescuedFields) field.rescuedCount += 1
    return true
  }

  #failedAt = 0
  #failure = ''

  #reset(): void {
    this.#depth = 0
    this.#misfits = 0
    this.#failure = ''
    this.#keptCount = 0
    // Most lines have neither, and to empty an empty array costs as much as a field.
    if (this.edits.length > 0) this.edits.length = 0
    if (this.rescued.length > 0) {
      this.rescued.length = 0
      this.#rescuedFields.length = 0
    }
    this.undeclaredName = undefined
  }

  #refuse(start: number): false {
    this.undeclaredName = undefined
    const isReturn = this.#bytes[this.#failedAt] === CARRIAGE_RETURN
    this.refusal =
      this.#failure ||
      (isReturn ? 'carriage return inside the line' : `malformed JSON at byte ${this.#failedAt - start + 1}`)
    return false
  }

  #fail(at: number, failure = ''): number {
    this.#failedAt = at
    this.#failure = failure
    return MALFORMED
  }

  #skipBlanks(start: number): number {
    let at = start
    while (this.#bytes[at] === SPACE || this.#bytes[at] === TAB) at += 1
    return at
  }

  #row(start: number): number {
    if (this.#bytes[start] !== OPEN_BRACE) {
      const end = this.#any(start)
      return end === MALFORMED ? MALFORMED : this.#fail(start, 'not a JSON object')
    }
    return this.#object(start, this.fields, true)
  }

  #object(start: number, fields: FieldTable, isRow: boolean): number {
    const bytes = this.#bytes
    this.#depth += 1
    if (this.#depth > this.#nestingMax) return this.#tooDeep(start)
    this.#objectCount += 1
    const object = this.#objectCount
    let at = this.#skipBlanks(start + 1)
    if (bytes[at] === CLOSE_BRACE) return this.#leave(at)
    for (let place = 0; ; place += 1) {
      if (bytes[at] !== QUOTE) return this.#fail(at)
      const keyStart = at
      const field = this.#field(at + 1, fields, place)
      if (field === undefined) return MALFORMED
      at = this.#colon(this.#keyEnd)
      if (at === MALFORMED) return MALFORMED
      at = isRow ? this.#rowField(field, keyStart, at, object) : this.#structField(field, at, object)
      if (at === MALFORMED) return MALFORMED
      at = this.#skipBlanks(at)
      if (bytes[at] === CLOSE_BRACE) return this.#leave(at)
      if (bytes[at] !== COMMA) return this.#fail(at)
      at = this.#skipBlanks(at + 1)
    }
  }

  #leave(at: number): number {
    this.#depth -= 1
    return at + 1
  }

  #tooDeep(at: number): number {
    return this.#fail(at, `nested deeper than ${this.#nestingMax} levels`)
  }

  #keyEnd = 0

  /** The field whose name starts at `start`; most objects have their names in the order of the one before. */
  #field(start: number, fields: FieldTable, place: number): Field | undefined {
    const bytes = this.#bytes
    const guess = fields.guesses[place]
    if (guess !== undefined) {
      const { keyBytes } = guess
      let index = 0
      while (index < keyBytes.length && bytes[start + index] === keyBytes[index]) index += 1
      if (index === keyBytes.length) {
        this.#keyEnd = start + index
        return guess
      }
    }
    const end = this.#string(start)
    if (end === MALFORMED) return undefined
    this.#keyEnd = end
    const field = fields.find(this.#text(start, end - 1))
    fields.guesses[place] = field
    return field
  }

  #text(start: number, end: number): string {
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start).toString('utf8')
    return text.includes('\\') ? String(JSON.parse(`"${text}"`)) : text
  }

  #colon(start: number): number {
    const at = this.#skipBlanks(start)
    return this.#bytes[at] === COLON ? this.#skipBlanks(at + 1) : this.#fail(at)
  }

  #rowField(field: Field, keyStart: number, start: number, object: number): number {
    const isFirst = field.seenInObject !== object
    field.seenInObject = object
    if (!field.isDeclared || !isFirst) {
      const end = this.#any(start)
      if (end === MALFORMED) return MALFORMED
      if (field.isDeclared || this.#undeclared === 'rescue') this.#rescue(field, keyStart, end)
      else if (this.#undeclared === 'fail') this.undeclaredName ??= field.name
      return end
    }
    const misfits = this.#misfits
    const edits = this.edits.length
    const end = this.#value(start, field.shape)
    if (end === MALFORMED) return MALFORMED
    if (this.#misfits !== misfits) this.#rescue(field, keyStart, end)
    const isNull = this.#bytes[start] === 0x6e || this.#isNulled(edits, start)
    if (!isNull) {
      this.#kept[this.#keptCount] = field
      this.#keptCount += 1
    }
    return end
  }

  #rescue(field: Field, start: number, end: number): void {
    this.rescued.push({ start, end })
    this.#rescuedFields.push(field)
  }

  #isNulled(edits: number, start: number): boolean {
    const edit = this.edits[edits]
    return edit !== undefined && edit.instead === 'null' && edit.start === start
  }

  /** A name that the struct lacks, or has twice, is kept by rescuing the whole value of the row's field. */
  #structField(field: Field, start: number, object: number): number {
    const isFirst = field.seenInObject !== object
    field.seenInObject = object
    if (field.isDeclared && isFirst) return this.#value(start, field.shape)
    if (field.isDeclared || this.#undeclared === 'rescue') this.#misfits += 1
    else if (this.#undeclared === 'fail') this.undeclaredName ??= field.name
    return this.#any(start)
  }

  #value(start: number, shape: Shape): number {
    const byte = this.#bytes[start] ?? 0
    if (byte === 0x6e) return this.#literal(start, 'null')
    switch (shape.kind) {
      case 'any':
        return this.#any(start)
      case 'string':
        return byte === QUOTE ? this.#string(start + 1) : this.#misfit(start)
      case 'primitive':
        return this.#primitive(start, byte, shape)
      case 'struct':
        return byte === OPEN_BRACE ? this.#object(start, shape.fields, false) : this.#misfit(start)
      case 'list':
        return byte === OPEN_BRACKET ? this.#list(start, shape.element) : this.#misfit(start)
      case 'map':
        return byte === OPEN_BRACE ? this.#map(start, shape) : this.#misfit(start)
    }
  }

  /** A value that its column does not hold: null in the row, its text kept. */
  #misfit(start: number): number {
    const end = this.#any(start)
    if (end !== MALFORMED) this.#setNull(start, end)
    return end
  }

  #setNull(start: number, end: number): void {
    this.#misfits += 1
    this.edits.push({ start, end, instead: 'null' })
  }

  #primitive(start: number, byte: number, shape: Extract<Shape, { kind: 'primitive' }>): number {
    const bytes = this.#bytes
    if (byte === QUOTE) {
      const end = this.#string(start + 1)
      if (end === MALFORMED) return MALFORMED
      const takesText = shape.token === 'string' || shape.token === 'number or string'
      if (!takesText || !shape.check(bytes, start + 1, end - 1)) this.#setNull(start, end)
      else if (shape.isDecimal) this.#keepDigits(start, end, withoutExponent(bytes, start + 1, end - 1))
      return end
    }
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      const short = shape.isNumeric ? this.#shortInteger(start) : MALFORMED
      if (short !== MALFORMED) return short
      const end = scanNumber(bytes, start)
      if (end === MALFORMED) return this.#fail(start)
      const takesNumber = shape.token === 'number' || shape.token === 'number or string'
      if (!takesNumber || !shape.check(bytes, start, end)) this.#setNull(start, end)
      else if (shape.isDecimal) this.#decimal(start, end)
      return end
    }
    if (shape.token === 'boolean' && byte === 0x74) return this.#literal(start, 'true')
    if (shape.token === 'boolean' && byte === 0x66) return this.#literal(start, 'false')
    return this.#misfit(start)
  }

  #decimal(start: number, end: number): void {
    const digits = withoutExponent(this.#bytes, start, end)
    if (digits !== undefined) this.#keepDigits(start, end, digits)
    else if (isInexactInDouble(this.#bytes, start, end)) this.edits.push({ start, end, instead: undefined })
  }

  #keepDigits(start: number, end: number, digits: string | undefined): void {
    if (digits !== undefined) this.edits.push({ start, end, instead: `"${digits}"` })
  }

  /** The end of an integer that every numeric type holds, or MALFORMED where it takes a closer look. */
  #shortInteger(start: number): number {
    const bytes = this.#bytes
    const first = bytes[start] === MINUS ? start + 1 : start
    if (bytes[first] === ZERO) return MALFORMED
    let at = first
    while ((bytes[at] ?? 0) >= ZERO && (bytes[at] ?? 0) <= NINE) at += 1
    const next = bytes[at]
    const isWhole = next === COMMA || next === CLOSE_BRACE
    return isWhole && at > first && at - first <= SHORT_NUMBER_DIGITS ? at : MALFORMED
  }

  #list(start: number, element: Shape): number {
    const bytes = this.#bytes
    this.#depth += 1
    if (this.#depth > this.#nestingMax) return this.#tooDeep(start)
    let at = this.#skipBlanks(start + 1)
    if (bytes[at] === CLOSE_BRACKET) return this.#leave(at)
    for (;;) {
      at = this.#value(at, element)
      if (at === MALFORMED) return MALFORMED
      at = this.#skipBlanks(at)
      if (bytes[at] === CLOSE_BRACKET) return this.#leave(at)
      if (bytes[at] !== COMMA) return this.#fail(at)
      at = this.#skipBlanks(at + 1)
    }
  }

  /** A map with a key twice, or with a name that is no key of its type, is null as a whole: no part of it is a map. */
  #map(start: number, shape: Extract<Shape, { kind: 'map' }>): number {
    const bytes = this.#bytes
    const edits = this.edits.length
    const names = new Set<string>()
    let fits = true
    this.#depth += 1
    if (this.#depth > this.#nestingMax) return this.#tooDeep(start)
    let at = this.#skipBlanks(start + 1)
    if (bytes[at] === CLOSE_BRACE) return this.#leave(at)
    for (;;) {
      if (bytes[at] !== QUOTE) return this.#fail(at)
      const keyEnd = this.#string(at + 1)
      if (keyEnd === MALFORMED) return MALFORMED
      const name = this.#text(at + 1, keyEnd - 1)
      const identity = shape.keys.identity(name)
      if (names.has(identity) || !shape.keys.isKey(bytes, at + 1, keyEnd - 1)) fits = false
      names.add(identity)
      at = this.#colon(keyEnd)
      if (at === MALFORMED) return MALFORMED
      at = this.#value(at, shape.value)
      if (at === MALFORMED) return MALFORMED
      at = this.#skipBlanks(at)
      if (bytes[at] === CLOSE_BRACE) break
      if (bytes[at] !== COMMA) return this.#fail(at)
      at = this.#skipBlanks(at + 1)
    }
    if (!fits) {
      this.edits.length = edits
      this.#setNull(start, at + 1)
    }
    return this.#leave(at)
  }

  /** Any JSON value; returns its end. */
  #any(start: number): number {
    switch (this.#bytes[start]) {
      case QUOTE:
        return this.#string(start + 1)
      case OPEN_BRACE:
        return this.#anyObject(start)
      case OPEN_BRACKET:
        return this.#list(start, ANY_SHAPE)
      case 0x74:
        return this.#literal(start, 'true')
      case 0x66:
        return this.#literal(start, 'false')
      case 0x6e:
        return this.#literal(start, 'null')
      default: {
        const end = scanNumber(this.#bytes, start)
        return end === MALFORMED ? this.#fail(start) : end
      }
    }
  }

  #anyObject(start: number): number {
    const bytes = this.#bytes
    this.#depth += 1
    if (this.#depth > this.#nestingMax) return this.#tooDeep(start)
    let at = this.#skipBlanks(start + 1)
    if (bytes[at] === CLOSE_BRACE) return this.#leave(at)
    for (;;) {
      if (bytes[at] !== QUOTE) return this.#fail(at)
      at = this.#string(at + 1)
      if (at === MALFORMED) return MALFORMED
      at = this.#colon(at)
      if (at === MALFORMED) return MALFORMED
      at = this.#any(at)
      if (at === MALFORMED) return MALFORMED
      at = this.#skipBlanks(at)
      if (bytes[at] === CLOSE_BRACE) return this.#leave(at)
      if (bytes[at] !== COMMA) return this.#fail(at)
      at = this.#skipBlanks(at + 1)
    }
  }

  #literal(start: number, text: string): number {
    for (let index = 0; index < text.length; index += 1) {
      if (this.#bytes[start + index] !== text.charCodeAt(index)) return this.#fail(start)
    }
    return start + text.length
  }

  /** The end of the string whose text starts at `start`, after the closing quote. */
  #string(start: number): number {
    const bytes = this.#bytes
    let at = start
    for (;;) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) return at + 1
      if (byte < SPACE) return this.#fail(at)
      if (byte === BACKSLASH) {
        at = this.#escape(at + 1)
        if (at === MALFORMED) return MALFORMED
      } else at += 1
    }
  }

  /** An escape after its backslash. Half of a surrogate pair is no character: no engine can hold it. */
  #escape(start: number): number {
    const byte = this.#bytes[start] ?? 0
    if (byte !== 0x75) return SIMPLE_ESCAPES.has(byte) ? start + 1 : this.#fail(start)
    const unit = this.#hex(start + 1)
    if (unit < 0) return this.#fail(start)
    if (unit < 0xd800 || unit > 0xdfff) return start + 5
    const isPair = unit < 0xdc00 && this.#bytes[start + 5] === BACKSLASH && this.#bytes[start + 6] === 0x75
    const second = isPair ? this.#hex(start + 7) : -1
    return second >= 0xdc00 && second <= 0xdfff
      ? start + 11
      : this.#fail(start, `lone surrogate \\u${unit.toString(16)}`)
  }

  #hex(start: number): number {
    let value = 0
    for (let at = start; at < start + 4; at += 1) {
      const byte = this.#bytes[at] ?? 0
      const lower = byte | 0x20
      if (byte >= ZERO && byte <= NINE) value = value * 16 + byte - ZERO
      else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57
      else return -1
    }
    return value
  }
}

const ANY_SHAPE: Shape = { kind: 'any' }
const SIMPLE_ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))
