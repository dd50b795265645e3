import { IngotError } from '../errors.ts'
import type { NestedField, Type } from '../format/types.ts'
import { captureCallSite } from './call-site.ts'
import { isColumnName } from './column-name.ts'

/**
 * The type of a declared column; null apart, `Value` is what a row holds in TypeScript, and `Input` what a map function may
 * return for it.
 */
export interface ColumnType<Value = unknown, Input = Value> {
  readonly type: Type
  /** Only for the compiler: no value is ever there. */
  readonly '~value'?: Value
  /** Only for the compiler: no value is ever there. */
  readonly '~input'?: Input
}

/** Columns by name, in the order in which the table has them. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>

/** What a column of this type holds in a row, null apart. */
export type ValueOf<C> = C extends ColumnType<infer Value, infer _Input> ? Value : never

/** What a map function may return for a column of this type, null apart. */
type InputOf<C> = C extends ColumnType<infer _Value, infer Input> ? Input : never

/** A struct's value: each field may be null. */
type StructValue<Fields extends ColumnTypes> = {
  readonly [Name in keyof Fields]: ValueOf<Fields[Name]> | null
}

/** What a map function may return for a struct: a field left out is null. */
export type StructInput<Fields extends ColumnTypes> = {
  readonly [Name in keyof Fields]?: InputOf<Fields[Name]> | null | undefined
}

const DECIMAL_PRECISION_MAX = 38

const columnType = <Value, Input = Value>(type: Type): ColumnType<Value, Input> => Object.freeze({ type })

/** The types of columns, named as Iceberg names them. */
export const t = Object.freeze({
  string: () => columnType<string>('string'),
  int: () => columnType<number, number | bigint>('int'),
  long: () => columnType<bigint, bigint | number>('long'),
  float: () => columnType<number>('float'),
  double: () => columnType<number>('double'),
  boolean: () => columnType<boolean>('boolean'),
  date: () => columnType<string, string | Date>('date'),
  time: () => columnType<string>('time'),
  timestamp: () => columnType<string, string | Date>('timestamp'),
  timestamptz: () => columnType<string, string | Date>('timestamptz'),
  uuid: () => columnType<string>('uuid'),
  binary: () => columnType<Uint8Array>('binary'),
  decimal,
  list,
  map,
  struct,
})

function decimal(precision: number, scale: number): ColumnType<string, string | number | bigint> {
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
function list<Value, Input>(
  element: ColumnType<Value, Input>,
): ColumnType<readonly (Value | null)[], readonly (Input | null | undefined)[]> {
  assertType(list, element, 't.list(t.string())')
  return columnType({ type: 'list', 'element-id': 0, element: element.type, 'element-required': false })
}

type Pairs<Key, Value> = readonly (readonly [Key, Value])[]

function map<Key, KeyInput, Value, ValueInput>(
  key: ColumnType<Key, KeyInput>,
  value: ColumnType<Value, ValueInput>,
): ColumnType<
  Pairs<Key, Value | null>,
  Pairs<KeyInput, ValueInput | null | undefined> | ReadonlyMap<KeyInput, ValueInput | null | undefined>
> {
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

function struct<const Fields extends ColumnTypes>(
  fields: Fields,
): ColumnType<StructValue<Fields>, StructInput<Fields>> {
  const entries = Object.entries(fields ?? {})
  if (entries.length === 0) throw invalidType(struct, 't.struct has no fields', structExample)
  const fault = faultOfNames(entries.map(([name]) => name))
  if (fault !== undefined) throw invalidType(struct, fault, 'give each field a name of its own')
  const nested = entries.map(([name, field]): NestedField => {
    assertType(struct, field, structExample)
    return { id: 0, name, required: false, type: field.type }
  })
  return columnType({ type: 'struct', fields: nested })
}

/** Why a struct cannot have fields of these names. */
function faultOfNames(names: readonly string[]): string | undefined {
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) return `the fields ${other} and ${name} of t.struct differ in letter case alone`
    if (!isColumnName(name))
      return `t.struct has a field called ${JSON.stringify(name)}, which no engine can write`
    seen.set(name.toLowerCase(), name)
  }
  return undefined
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
