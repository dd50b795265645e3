import { IngotError } from '../errors.ts'
import type { JsonChecker } from './json-checker.ts'
import type { RowSink } from './row-sink.ts'
import type { LinePlace, LineSink } from './scan-lines.ts'

/** Takes lines of JSON: each is a row, or refused with the reason. */
export class NdjsonReader implements LineSink {
  /** Whether a last line without line end was refused: what follows later may complete it. */
  isOpenLineRefused = false
  readonly #source: string
  readonly #checker: JsonChecker
  readonly #sink: RowSink
  readonly #lineBytesMax: number

  constructor(source: string, checker: JsonChecker, sink: RowSink, lineBytesMax: number) {
    this.#source = source
    this.#checker = checker
    this.#sink = sink
    this.#lineBytesMax = lineBytesMax
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
    this.#sink.row({ position, bytes, start, end, edits: checker.edits, rescued: checker.rescued })
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
