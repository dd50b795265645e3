import { type Spread, spreadOf } from './measure.ts'

/** What a figure may be at most, or has to be at least. */
export interface Target {
  readonly bound: 'at most' | 'at least'
  readonly value: number
  /** Which of the values has to keep it. @default 'median' */
  readonly of?: 'median' | 'worst'
}

/** One line of the table: something that was measured some times. */
export interface Figure {
  readonly benchmark: string
  readonly name: string
  /** `CPU s`, `s`, `CPU ms`, `ms`, `x` (a ratio), `/s`. */
  readonly unit: string
  readonly spread: Spread
  readonly target: Target | undefined
  /** Undefined without a target. */
  readonly isMet: boolean | undefined
}

/** Builds the figures of one benchmark. */
export class Figures {
  readonly #benchmark: string
  readonly all: Figure[] = []

  constructor(benchmark: string) {
    this.#benchmark = benchmark
  }

  add(name: string, unit: string, values: readonly number[], target?: Target): void {
    const spread = spreadOf(values)
    const isMet = target && meets(spread, target)
    this.all.push({ benchmark: this.#benchmark, name, unit, spread, target, isMet })
  }
}

function meets(spread: Spread, { bound, value, of = 'median' }: Target): boolean {
  if (bound === 'at most') return (of === 'median' ? spread.median : spread.max) <= value
  return (of === 'median' ? spread.median : spread.min) >= value
}

const HEADER = ['benchmark', 'figure', 'unit', 'median', 'min', 'max', 'n', 'target', '']

/** The figures as a Markdown table. */
export function formatFigures(figures: readonly Figure[]): string {
  const lines = [HEADER, ...figures.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(3, ...lines.map(line => line[column]?.length ?? 0)))
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`
  return [format(HEADER), rule, ...figures.map(figure => format(cells(figure)))].join('\n')
}

function cells({ benchmark, name, unit, spread, target, isMet }: Figure): string[] {
  const numbers = [spread.median, spread.min, spread.max].map(formatNumber)
  const wanted = target === undefined ? '' : `${target.of ?? 'median'} ${target.bound} ${target.value}`
  const verdict = isMet === undefined ? '' : isMet ? 'met' : 'MISSED'
  return [benchmark, name, unit, ...numbers, String(spread.count), wanted, verdict]
}

function formatNumber(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(3)
}
