import { isPrimitive, type NestedField, type Type } from '../format/types.ts'
import { createMapKeys, type MapKeys } from './map-keys.ts'
import { createPrimitiveCheck, type PrimitiveCheck } from './text-checks.ts'

/** A type, prepared for checking JSON text against it. */
export type Shape =
  | { readonly kind: 'any' }
  | { readonly kind: 'string' }
  | ({
      readonly kind: 'primitive'
      readonly isDecimal: boolean
      readonly isNumeric: boolean
    } & PrimitiveCheck)
  | { readonly kind: 'struct'; readonly fields: FieldTable }
  | { readonly kind: 'list'; readonly element: Shape }
  | { readonly kind: 'map'; readonly value: Shape; readonly keys: MapKeys }

/** One name that objects have; undeclared ones get a field too, so that telling them apart costs the same. */
export interface Field {
  readonly name: string
  /** The name as JSON writes it without escapes, and the quote that ends it. */
  readonly keyBytes: Uint8Array
  readonly shape: Shape
  /** Its column's; undefined: not declared. */
  readonly type: Type | undefined
  readonly isDeclared: boolean
  /** The object that had it last, to find a name that an object has twice. */
  seenInObject: number
  /** How many rows have a value in it that is kept. */
  valueCount: number
  /** How many values of it were rescued. */
  rescuedCount: number
}

/** Enough for every honest source; beyond, the fields of hostile ones are forgotten again. */
const UNDECLARED_FIELDS_MAX = 10_000

const ANY: Shape = { kind: 'any' }

/** The fields of a struct (or of the row) by name. `guesses` holds what came at each place of the last object. */
export class FieldTable {
  readonly declared: readonly Field[]
  readonly guesses: Field[] = []
  readonly #byName = new Map<string, Field>()

  constructor(columns: readonly { readonly name: string; readonly type: Type }[]) {
    this.declared = columns.map(column => createField(column.name, toShape(column.type), column.type))
    for (const field of this.declared) this.#byName.set(field.name, field)
  }

  /** All that were met: the declared ones first. */
  get all(): Iterable<Field> {
    return this.#byName.values()
  }

  /** The field called `name`, exactly: JSON's names are case-sensitive. */
  find(name: string): Field {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const field = createField(name, ANY, undefined)
    if (this.#byName.size < this.declared.length + UNDECLARED_FIELDS_MAX) this.#byName.set(name, field)
    return field
  }
}

function createField(name: string, shape: Shape, type: Type | undefined): Field {
  const keyBytes = Buffer.from(`${name}"`)
  const isDeclared = type !== undefined
  return { name, keyBytes, shape, type, isDeclared, seenInObject: 0, valueCount: 0, rescuedCount: 0 }
}

function toShape(type: Type): Shape {
  if (type === 'string') return { kind: 'string' }
  if (isPrimitive(type)) {
    const primitive = createPrimitiveCheck(type)
    const isNumeric = type === 'int' || type === 'long' || type === 'float' || type === 'double'
    return { kind: 'primitive', ...primitive, isDecimal: type.startsWith('decimal('), isNumeric }
  }
  if (type.type === 'list') return { kind: 'list', element: toShape(type.element) }
  if (type.type === 'map') return { kind: 'map', value: toShape(type.value), keys: createMapKeys(type.key) }
  return { kind: 'struct', fields: new FieldTable(type.fields.map((field: NestedField) => field)) }
}
