import { IngotError } from '../errors.ts'
import type { NestedField, Type } from '../format/types.ts'
import { captureCallSite } from './call-site.ts'

/** The type of a declared column; `Value` is what a row holds in TypeScript, null apart. */
export interface ColumnType<Value = unknown> {
  readonly type: Type
  /** Only for the compiler: no value is ever there. */
  readonly '~value'?: Value
}

/** Columns by name, in the order in which the table has them. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>

/** What a column of this type holds in a row, null apart. */
export type ValueOf<C> = C extends ColumnType<infer Value> ? Value : never

/** A struct's value: each field may be null. */
export type StructValue<Fields extends ColumnTypes> = {
  readonly [Name in keyof Fields]: ValueOf<Fields[Name]> | null
}

const DECIMAL_PRECISION_MAX = 38

const columnType = <Value>(type: Type): ColumnType<Value> => Object.freeze({ type })

/** The types of columns, named as Iceberg names them. */
export const t = Object.freeze({
  string: () => columnType<string>('string'),
  int: () => columnType<number>('int'),
  long: () => columnType<bigint>('long'),
  float: () => columnType<number>('float'),
  double: () => columnType<number>('double'),
  boolean: () => columnType<boolean>('boolean'),
  date: () => columnType<string>('date'),
  time: () => columnType<string>('time'),
  timestamp: () => columnType<string>('timestamp'),
  timestamptz: () => columnType<string>('timestamptz'),
  uuid: () => columnType<string>('uuid'),
  binary: () => columnType<Uint8Array>('binary'),
  decimal,
  list,
  map,
  struct,
})

function decimal(precision: number, scale: number): ColumnType<string> {
  const fits = Number.isInteger(precision) && precision >= 1 && precision <= DECIMAL_PRECISION_MAX
  if (!fits || !Number.isInteger(scale) || scale < 0 || scale > precision) {
    throw invalidType(
      decimal,
      `t.decimal(${precision}, ${scale}) does not exist`,
      `precision is 1 to ${DECIMAL_PRECISION_MAX}, scale 0 to the precision: t.decimal(18, 2)`,
    )
  }
  return columnType(`decimal(${precision}, ${scale})`)
}

// Field ids are 0 throughout: the catalog assigns them when it creates the table.
function list<Value>(element: ColumnType<Value>): ColumnType<readonly (Value | null)[]> {
  assertType(list, element, 't.list(t.string())')
  return columnType({ type: 'list', 'element-id': 0, element: element.type, 'element-required': false })
}

function map<Key, Value>(
  key: ColumnType<Key>,
  value: ColumnType<Value>,
): ColumnType<readonly (readonly [Key, Value | null])[]> {
  assertType(map, key, 't.map(t.string(), t.double())')
  assertType(map, value, 't.map(t.string(), t.double())')
  return columnType({
    type: 'map',
    'key-id': 0,
    key: key.type,
    'value-id': 0,
    value: value.type,
    'value-required': false,
  })
}

function struct<const Fields extends ColumnTypes>(fields: Fields): ColumnType<StructValue<Fields>> {
  const entries = Object.entries(fields ?? {})
  if (entries.length === 0) throw invalidType(struct, 't.struct has no fields', structExample)
  const nested = entries.map(([name, field]): NestedField => {
    assertType(struct, field, structExample)
    return { id: 0, name, required: false, type: field.type }
  })
  return columnType({ type: 'struct', fields: nested })
}

const structExample = 't.struct({ latitude: t.double(), longitude: t.double() })'

/** Whether `value` was made by `t`. */
export function isColumnType(value: unknown): value is ColumnType {
  return typeof value === 'object' && value !== null && 'type' in value
}

function assertType(callee: (...args: never[]) => unknown, value: unknown, example: string): void {
  if (isColumnType(value)) return
  throw invalidType(callee, `a part of t.${callee.name} is not a column type`, `write: ${example}`)
}

function invalidType(callee: (...args: never[]) => unknown, message: string, hint: string): IngotError {
  return new IngotError('DECLARATION_INVALID', message, { hint, context: { site: captureCallSite(callee) } })
}
