// The types of the Iceberg spec, in the JSON form of the spec itself ("Appendix C: JSON serialization"), so that
// what is read from a metadata file is what the code works on, unknown keys included.

export type PrimitiveType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'string'
  | 'uuid'
  | 'binary'
  | `decimal(${number}, ${number})`
  | `fixed[${number}]`

export interface StructType {
  readonly type: 'struct'
  readonly fields: readonly NestedField[]
}

interface ListType {
  readonly type: 'list'
  readonly 'element-id': number
  readonly element: Type
  readonly 'element-required': boolean
}

interface MapType {
  readonly type: 'map'
  readonly 'key-id': number
  readonly key: Type
  readonly 'value-id': number
  readonly value: Type
  readonly 'value-required': boolean
}

export type Type = PrimitiveType | StructType | ListType | MapType

export interface NestedField {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: Type
  readonly doc?: string
  readonly 'initial-default'?: unknown
  readonly 'write-default'?: unknown
}

/** The columns of a table at one time; `fields` are in the order in which they are shown. */
export interface Schema extends StructType {
  readonly 'schema-id': number
  readonly 'identifier-field-ids'?: readonly number[]
}

/** `identity`, `void`, `year`, `month`, `day`, `hour`, `bucket[N]`, `truncate[W]`. */
export type Transform =
  | 'identity'
  | 'void'
  | 'year'
  | 'month'
  | 'day'
  | 'hour'
  | `bucket[${number}]`
  | `truncate[${number}]`

export interface PartitionField {
  readonly 'source-id': number
  readonly 'field-id': number
  readonly name: string
  readonly transform: Transform
}

export interface PartitionSpec {
  readonly 'spec-id': number
  readonly fields: readonly PartitionField[]
}

export interface SortField {
  readonly 'source-id': number
  readonly transform: Transform
  readonly direction: 'asc' | 'desc'
  readonly 'null-order': 'nulls-first' | 'nulls-last'
}

export interface SortOrder {
  readonly 'order-id': number
  readonly fields: readonly SortField[]
}

export function isPrimitive(type: Type): type is PrimitiveType {
  return typeof type === 'string'
}

/** Whether NaN and infinities are among its values. */
export function isFloating(type: PrimitiveType): boolean {
  return type === 'float' || type === 'double'
}
