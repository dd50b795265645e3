import type { Field } from './field-shapes.ts'

/** A field of which values went to `_rescued`. */
export interface RescuedField {
  readonly name: string
  /** How many rows have it there. */
  readonly rows: number
}

/** Reports are kept with the transaction, and a hostile source has any number of fields. */
const FIELDS_MAX = 20

/** Counts the values that were rescued, by the name of their field. */
export class RescuedFields {
  readonly #rows = new Map<string, number>()

  add({ name, rows }: RescuedField): void {
    if (rows > 0) this.#rows.set(name, (this.#rows.get(name) ?? 0) + rows)
  }

  /** Adds what readers of text counted; to be called once, when all is read. */
  addFields(fields: Iterable<Field>): void {
    for (const { name, rescuedCount } of fields) this.add({ name, rows: rescuedCount })
  }

  /** Those with the most rows first, and not without end. */
  get list(): readonly RescuedField[] {
    return [...this.#rows]
      .map(([name, rows]) => ({ name, rows }))
      .sort((a, b) => b.rows - a.rows)
      .slice(0, FIELDS_MAX)
  }
}
