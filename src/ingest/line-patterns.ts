import type { Field, FieldTable } from './field-shapes.ts'
import { linePattern, type PatternField } from './line-pattern.ts'
import { LINE_FEED } from './text-bytes.ts'

/** As many orders of fields as one file is expected to have. */
const PATTERNS_MAX = 4
/** A line that is looked at for its order of fields costs more than to check it. */
const LESSONS_MAX = 1000
/** By then it is known whether the lines have a pattern. */
const TRIAL_LINES = 1000
/** Longer texts are freed late, and at a cost that is half of that of matching. */
const TEXT_BYTES = 64 * 1024

interface LearntPattern {
  readonly fields: readonly PatternField[]
  readonly regExp: RegExp
  readonly hasNullable: boolean
}

/**
 * Tells at first sight lines that need no closer look: what machines write has one order of fields, which is learnt from
 * the lines that JsonChecker took unchanged. What does not match is not wrong: it is the checker's to say.
 */
export class LinePatterns {
  readonly #declared: ReadonlyMap<string, Field>
  readonly #lineBytesMax: number
  #patterns: LearntPattern[] = []
  #bytes: Buffer = Buffer.alloc(0)
  /** Where the lines end that `begin` told of. */
  #linesEnd = 0
  /** The lines of [#textStart, #textEnd) as text; as many as V8 keeps where it frees soonest. */
  #text = ''
  #textStart = 0
  #textEnd = 0
  #matched = 0
  #missed = 0
  #lessons = 0
  /** Where the lines of the last `take` end. */
  end = 0

  constructor(fields: FieldTable, lineBytesMax: number) {
    this.#declared = new Map(fields.declared.map(field => [field.name, field]))
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines of [start, end) come next; all of it is UTF-8. */
  begin(bytes: Buffer, start: number, end: number): void {
    if (this.#missed > TRIAL_LINES && this.#matched < this.#missed) this.#patterns = []
    this.#bytes = bytes
    this.#linesEnd = end
    this.#text = ''
    this.#textStart = start
    this.#textEnd = start
  }

  /** How many lines from `start` on are rows as they are; counts their values, as the checker does. */
  take(start: number): number {
    this.end = start
    if (this.#patterns.length === 0) return 0
    let count = 0
    while (this.end < this.#linesEnd) {
      if (this.end >= this.#textEnd) this.#readText()
      const taken = this.#takeAlike(this.#text, this.end - this.#textStart)
      if (taken === 0) break
      count += taken
    }
    this.#matched += count
    this.#missed += 1
    return count
  }

  #readText(): void {
    const bytes = this.#bytes
    const most = Math.min(this.end + TEXT_BYTES, this.#linesEnd)
    const lastLineEnd = bytes.lastIndexOf(LINE_FEED, most - 1)
    this.#textStart = this.end
    this.#textEnd = (lastLineEnd < this.end ? bytes.indexOf(LINE_FEED, most) : lastLineEnd) + 1
    this.#text = bytes.toString('latin1', this.#textStart, this.#textEnd)
  }

  /** Learns from a line that the checker took unchanged, and that had no pattern. */
  learn(bytes: Buffer, start: number, end: number): void {
    if (this.#declared.size === 0 || this.#lessons >= LESSONS_MAX) return
    this.#lessons += 1
    const row: Readonly<Record<string, unknown>> = JSON.parse(bytes.toString('utf8', start, end))
    const names = Object.keys(row)
    const known = this.#patterns.findIndex(({ fields }) => isOrder(fields, names))
    if (known < 0 && this.#patterns.length >= PATTERNS_MAX) return
    const before = this.#patterns[known]?.fields
    const fields = names.flatMap((name, place): PatternField[] => {
      const field = this.#declared.get(name)
      const isNullable = row[name] === null || before?.[place]?.isNullable === true
      return field === undefined ? [] : [{ field, isNullable }]
    })
    // A name that is not declared, or that a line has twice, has no place in a pattern.
    if (fields.length < names.length || fields.every((field, place) => isSame(field, before?.[place]))) return
    const regExp = linePattern(fields)
    if (regExp === undefined) return
    const learnt = { fields, regExp, hasNullable: fields.some(({ isNullable }) => isNullable) }
    if (known < 0) this.#patterns.push(learnt)
    else this.#patterns[known] = learnt
  }

  /** Lines of one pattern. */
  #takeAlike(text: string, at: number): number {
    for (const pattern of this.#patterns) {
      const count = pattern.hasNullable
        ? this.#takeNullable(pattern, text, at)
        : this.#takeFull(pattern, text, at)
      if (count === 0) continue
      for (const { field } of pattern.fields) field.valueCount += count
      return count
    }
    return 0
  }

  #takeFull({ regExp }: LearntPattern, text: string, start: number): number {
    let at = start
    let count = 0
    for (;;) {
      regExp.lastIndex = at
      if (!regExp.test(text) || regExp.lastIndex - at > this.#lineBytesMax) break
      at = regExp.lastIndex
      count += 1
    }
    this.end = at + this.#textStart
    return count
  }

  #takeNullable({ regExp, fields }: LearntPattern, text: string, start: number): number {
    const nullable = fields.filter(({ isNullable }) => isNullable)
    let at = start
    let count = 0
    for (;;) {
      regExp.lastIndex = at
      const match = regExp.exec(text)
      if (match === null || regExp.lastIndex - at > this.#lineBytesMax) break
      for (let index = 0; index < nullable.length; index += 1) {
        const field = nullable[index]?.field
        if (field !== undefined && match[index + 1] !== undefined) field.valueCount -= 1
      }
      at = regExp.lastIndex
      count += 1
    }
    this.end = at + this.#textStart
    return count
  }
}

function isOrder(fields: readonly PatternField[], names: readonly string[]): boolean {
  return fields.length === names.length && fields.every(({ field }, place) => field.name === names[place])
}

function isSame(field: PatternField, before: PatternField | undefined): boolean {
  return before !== undefined && before.field === field.field && before.isNullable === field.isNullable
}
