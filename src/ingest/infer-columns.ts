import type { NestedField, Type } from '../format/types.ts'
import { parseJson } from '../json.ts'
import type { LakeColumn } from '../lake/lake.ts'
import { ColumnNames } from './column-names.ts'
import type { CheckedRow, RowSink } from './row-sink.ts'

/**
 * Finds the types of fields that no column is declared for. Where values differ, a long and a double make a double and
 * structs have the fields of all; otherwise the first type holds, and what does not fit it is rescued. Null alone
 * has no type, and a field whose name no column can have gets none.
 */
export class ColumnInference implements RowSink {
  readonly #declared: ReadonlySet<string>
  readonly #names: ColumnNames
  readonly #types = new Map<string, Type>()

  constructor(declared: readonly LakeColumn[]) {
    const names = declared.map(column => column.name)
    this.#declared = new Set(names)
    this.#names = ColumnNames.ofBronze(names)
  }

  /** In the order of first mention. */
  get columns(): readonly LakeColumn[] {
    return [...this.#types].map(([name, type]) => ({ name, type }))
  }

  row({ bytes, rescued }: CheckedRow): void {
    for (const span of rescued) {
      const field = parseJson(`{${bytes.toString('utf8', span.start, span.end)}}`)
      for (const [name, value] of Object.entries(field ?? {})) this.#see(name, value)
    }
  }

  /** They have no field but declared ones. */
  lines(): void {}

  refuse(): void {}

  async pause(): Promise<void> {}

  #see(name: string, value: unknown): void {
    if (this.#declared.has(name)) return
    const type = typeOf(value)
    if (type === undefined) return
    const known = this.#types.get(name)
    if (known !== undefined) this.#types.set(name, merge(known, type))
    else if (this.#names.take(name)) this.#types.set(name, type)
  }
}

const LONG_BITS = 64

/** The type of a JSON value; undefined for null, and for what holds nothing but nulls. */
function typeOf(value: unknown): Type | undefined {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'bigint') return BigInt.asIntN(LONG_BITS, value) === value ? 'long' : 'double'
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'long' : 'double'
  if (Array.isArray(value)) {
    const types = value.map(typeOf).filter(type => type !== undefined)
    return types.length === 0 ? undefined : listOf(types.reduce(merge))
  }
  if (typeof value !== 'object' || value === null) return undefined
  const names = ColumnNames.ofStruct([])
  const fields = Object.entries(value).flatMap(([name, inner]): NestedField[] => {
    const type = typeOf(inner)
    return type === undefined || !names.take(name) ? [] : [{ id: 0, name, required: false, type }]
  })
  return fields.length === 0 ? undefined : { type: 'struct', fields }
}

function listOf(element: Type): Type {
  return { type: 'list', 'element-id': 0, element, 'element-required': false }
}

function merge(known: Type, other: Type): Type {
  if (typeof known === 'string' || typeof other === 'string') {
    return known === 'long' && other === 'double' ? 'double' : known
  }
  if (known.type === 'list' && other.type === 'list') return listOf(merge(known.element, other.element))
  if (known.type !== 'struct' || other.type !== 'struct') return known
  const fields = new Map(known.fields.map(field => [field.name, field]))
  const names = ColumnNames.ofStruct([...fields.keys()])
  for (const field of other.fields) {
    const before = fields.get(field.name)
    if (before !== undefined) fields.set(field.name, { ...before, type: merge(before.type, field.type) })
    else if (names.take(field.name)) fields.set(field.name, field)
  }
  return { type: 'struct', fields: [...fields.values()] }
}
