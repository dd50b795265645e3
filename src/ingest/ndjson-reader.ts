import { IngotError } from '../errors.ts'
import type { JsonChecker } from './json-checker.ts'
import { LinePatterns } from './line-patterns.ts'
import type { RowSink } from './row-sink.ts'
import type { LinePlace, LineRunSink, LineSink } from './scan-lines.ts'

/** Takes lines of JSON: each is a row, or refused with the reason. */
export class NdjsonReader implements LineSink, LineRunSink {
  /** Whether a last line without line end was refused: what follows later may complete it. */
  isOpenLineRefused = false
  readonly #source: string
  readonly #checker: JsonChecker
  readonly #sink: RowSink
  readonly #lineBytesMax: number
  readonly #patterns: LinePatterns

  constructor(source: string, checker: JsonChecker, sink: RowSink, lineBytesMax: number) {
    this.#source = source
    this.#checker = checker
    this.#sink = sink
    this.#lineBytesMax = lineBytesMax
    this.#patterns = new LinePatterns(checker.fields, lineBytesMax)
  }

  get runs(): LineRunSink {
    return this
  }

  get end(): number {
    return this.#patterns.end
  }

  begin(bytes: Buffer, start: number, end: number): void {
    this.#patterns.begin(bytes, start, end)
  }

  take(bytes: Buffer, start: number, position: number): number {
    const count = this.#patterns.take(start)
    if (count > 0) this.#sink.lines({ position, count, bytes, start, end: this.end })
    return count
  }

  line(bytes: Buffer, start: number, end: number, place: LinePlace): void {
    const checker = this.#checker
    const { position } = place
    if (!place.isUtf8 || place.lengthBytes > this.#lineBytesMax || !checker.check(bytes, start, end)) {
      const reason = refusalOf(place, this.#lineBytesMax) ?? checker.refusal
      this.#sink.refuse({ position, reason, raw: bytes.subarray(start, end) })
      this.isOpenLineRefused = !place.isTerminated
      return
    }
    if (checker.undeclaredName !== undefined)
      throw undeclaredField(checker.undeclaredName, this.#source, position)
    const { edits, rescued } = checker
    this.#sink.row({ position, bytes, start, end, edits, rescued })
    if (edits.length === 0 && rescued.length === 0) this.#patterns.learn(bytes, start, end)
  }

  pause(): Promise<void> {
    return this.#sink.pause()
  }
}

/** Why a line is refused whatever is in it; undefined when it is not. */
export function refusalOf(
  place: Pick<LinePlace, 'isUtf8' | 'lengthBytes'>,
  lineBytesMax: number,
): string | undefined {
  if (place.lengthBytes > lineBytesMax) {
    return `${place.lengthBytes} bytes long: the limit is ${lineBytesMax}, and that much of it is kept`
  }
  return place.isUtf8 ? undefined : 'not valid UTF-8'
}

/** What a table with `onNewColumn: 'fail'` says. */
export function undeclaredField(name: string, source: string, position: number): IngotError {
  return new IngotError('DATA_INVALID', `field ${name} of line ${position} of ${source} is not declared`, {
    hint: "declare the column, or choose what becomes of new ones: onNewColumn: 'rescue', 'add' or 'ignore'",
    context: { field: name, source, position },
  })
}
