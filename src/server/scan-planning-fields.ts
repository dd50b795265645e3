import { IngotError } from '../errors.ts'
import { fieldsById, type LocatedField } from '../format/schema.ts'
import type { Schema } from '../format/types.ts'

/** What engines select as columns and no table has (Iceberg spec, "Reserved Field IDs"). */
const METADATA_COLUMNS: ReadonlySet<string> = new Set([
  '_file',
  '_pos',
  '_deleted',
  '_spec_id',
  '_partition',
  '_row_id',
  '_last_updated_sequence_number',
])

/** The columns that a request may name: whole names, as `address.street`, `tags.element` and `prices.value` (REST spec, FieldName). */
export class ScanFields {
  readonly schema: Schema
  readonly #isCaseSensitive: boolean
  readonly #byName = new Map<string, LocatedField[]>()

  constructor(schema: Schema, isCaseSensitive: boolean) {
    this.schema = schema
    this.#isCaseSensitive = isCaseSensitive
    for (const located of fieldsById(schema).values()) {
      const key = this.#keyOf(located.path.join('.'))
      this.#byName.set(key, [...(this.#byName.get(key) ?? []), located])
    }
  }

  byId(id: number): LocatedField | undefined {
    return fieldsById(this.schema).get(id)
  }

  /**
   * The column of this name; undefined for a metadata column, such as `_file`.
   * @param path where the request names it
   * @throws REQUEST_INVALID when there is none, or several
   */
  byName(name: string, path: string): LocatedField | undefined {
    const [located, another] = this.#byName.get(this.#keyOf(name)) ?? []
    if (located !== undefined && another === undefined) return located
    if (METADATA_COLUMNS.has(name.split('.', 1)[0] ?? '')) return undefined
    const shown = name.slice(0, 100)
    const what =
      located === undefined ? `the table has no column ${shown}` : `several columns are called ${shown}`
    throw new IngotError('REQUEST_INVALID', `${path}: ${what}`, {
      hint: `the columns are ${this.schema.fields
        .map(field => field.name)
        .join(', ')
        .slice(0, 1000)}`,
      context: { field: path },
    })
  }

  #keyOf(name: string): string {
    return this.#isCaseSensitive ? name : name.toLowerCase()
  }
}
