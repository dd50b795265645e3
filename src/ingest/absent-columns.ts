import { nearestName } from '../did-you-mean.ts'
import type { JsonChecker } from './json-checker.ts'

interface Absence {
  /** The first file whose rows lack the column. */
  readonly source: string
  readonly unexpected: readonly string[]
  fileCount: number
}

const UNEXPECTED_SHOWN_MAX = 3

/** Notes the declared columns that no row of a file has: all of them null, which a misspelt name also makes of a column. */
export class AbsentColumns {
  readonly #declared: readonly string[]
  readonly #absences = new Map<string, Absence>()

  constructor(declared: readonly string[]) {
    this.#declared = declared
  }

  /**
   * Looks at what `checker` saw of a file that has rows: since `objectCount` was its count of objects. Fields of lines that
   * are no rows count too.
   */
  look(source: string, checker: JsonChecker, objectCount: number): void {
    const seen = new Set<string>()
    for (const { name, seenInObject } of checker.fields.all) if (seenInObject > objectCount) seen.add(name)
    const absent = this.#declared.filter(name => !seen.has(name))
    if (absent.length === 0) return
    const declared = new Set(this.#declared)
    const unexpected = [...seen].filter(name => !declared.has(name))
    for (const name of absent) {
      const known = this.#absences.get(name)
      if (known === undefined) this.#absences.set(name, { source, unexpected, fileCount: 1 })
      else known.fileCount += 1
    }
  }

  get notes(): readonly string[] {
    return [...this.#absences].map(([name, { source, unexpected, fileCount }]) => {
      const others = fileCount - 1
      const more = others === 0 ? '' : ` and ${others} other file${others === 1 ? '' : 's'}`
      return `column ${name} is in no row of ${source}${more}${suggestion(name, unexpected)}`
    })
  }
}

function suggestion(name: string, unexpected: readonly string[]): string {
  const nearest = nearestName(name, unexpected)
  if (nearest !== undefined) return `: did you mean ${nearest}, which is not declared?`
  if (unexpected.length === 0) return ''
  const shown = unexpected.slice(0, UNEXPECTED_SHOWN_MAX).join(', ')
  const rest = unexpected.length - UNEXPECTED_SHOWN_MAX
  return `: not declared there: ${shown}${rest > 0 ? ` and ${rest} more` : ''}`
}
