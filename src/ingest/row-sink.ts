import type { Edit, Span } from './json-checker.ts'

/** What the readers of text files hand over, row by row. But for those of `lines`, bytes are only there during the call. */
export interface RowSink {
  /** A JSON object of checked values, what to write differently in it, and its fields (of `bytes`) that go to `_rescued`. */
  row(row: CheckedRow): void
  /** Lines that are rows as they are. Their bytes stay until `pause` resolves. */
  lines(lines: CheckedLines): void
  /** What is no row. */
  refuse(refused: RefusedText): void
  /** Rows were handed over and the next ones wait: the place to write them out. */
  pause(): Promise<void>
}

/** A row as JSON in [start, end) of `bytes`. */
export interface CheckedRow {
  readonly position: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly edits: readonly Edit[]
  readonly rescued: readonly Span[]
}

/** Lines that follow one another in [start, end) of `bytes`, each with its line end: JSON objects of checked values. */
export interface CheckedLines {
  /** Of the first one. */
  readonly position: number
  readonly count: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** A text that was refused, and why. */
export interface RefusedText {
  readonly position: number
  readonly reason: string
  /** As long as the limits allow. */
  readonly raw: Buffer
}
