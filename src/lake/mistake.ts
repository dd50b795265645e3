import { IngotError } from '../errors.ts'
import type { SourceSite } from './lake.ts'

/** One thing that is wrong with a project: where, why, and what to write instead. */
export interface Mistake {
  readonly site: SourceSite
  readonly cause: string
  readonly fix: string
}

/** The lines of a project's file, by the file's name in sites; undefined when there is no such file. */
export type ReadLines = (file: string) => readonly string[] | undefined

/** How many lines are shown above the one that is wrong. */
const LINES_ABOVE = 2

/** DECLARATION_INVALID that shows every mistake with its place in the code, in the order of the code. */
export function declarationError(
  mistakes: readonly Mistake[],
  readLines: ReadLines,
  cause?: unknown,
): IngotError {
  const sorted = mistakes.toSorted((a, b) => compareSites(a.site, b.site))
  const shown = sorted.map(mistake => showMistake(mistake, readLines))
  const title =
    sorted.length === 1 ? 'the project has a mistake' : `the project has ${sorted.length} mistakes`
  return new IngotError('DECLARATION_INVALID', `${title}\n\n${shown.join('\n\n')}`, {
    cause,
    context: { mistakes: sorted },
  })
}

/** Orders sites by file, then by their place in it. */
export function compareSites(a: SourceSite, b: SourceSite): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

/** `lake.ts:12:5`. */
export function formatSite(site: SourceSite): string {
  return `${site.file}:${site.line}:${site.column}`
}

function showMistake({ site, cause, fix }: Mistake, readLines: ReadLines): string {
  const frame = codeFrame(site, readLines(site.file) ?? [])
  return [`${formatSite(site)}  ${cause}`, ...frame, `  fix: ${fix}`].join('\n')
}

function codeFrame(site: SourceSite, lines: readonly string[]): readonly string[] {
  const first = Math.max(1, site.line - LINES_ABOVE)
  const shown = lines.slice(first - 1, site.line)
  if (shown.length < site.line - first + 1) return []
  const width = String(site.line).length
  const frame = shown.map((line, index) => `  ${String(first + index).padStart(width)} | ${line}`.trimEnd())
  // Tabs stay tabs, so that the mark stands under its character.
  const indent = (lines[site.line - 1] ?? '').slice(0, site.column - 1).replace(/[^\t]/g, ' ')
  return [...frame, `  ${' '.repeat(width)} | ${indent}^`]
}
