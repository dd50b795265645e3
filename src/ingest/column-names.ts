import { isColumnName } from '../lake/column-name.ts'
import { reservedColumn } from '../lake/reserved-columns.ts'

/** The names that fields of rows may give to columns beside those that are there, or to fields of a struct beside one another. */
export class ColumnNames {
  readonly #taken: Set<string>
  readonly #isReserved: (name: string) => boolean

  private constructor(taken: readonly string[], isReserved: (name: string) => boolean) {
    this.#taken = new Set(taken.map(name => name.toLowerCase()))
    this.#isReserved = isReserved
  }

  static ofBronze(taken: readonly string[]): ColumnNames {
    return new ColumnNames(taken, name => reservedColumn(name, 'bronze') !== undefined)
  }

  static ofStruct(taken: readonly string[]): ColumnNames {
    return new ColumnNames(taken, () => false)
  }

  /** Takes the name, unless no engine could write it or tell it from another that was taken. */
  take(name: string): boolean {
    const lower = name.toLowerCase()
    if (!isColumnName(name) || this.#taken.has(lower) || this.#isReserved(name)) return false
    this.#taken.add(lower)
    return true
  }
}
