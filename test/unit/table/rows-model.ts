import type { PartitionSpec, Schema } from '../../../src/format/types.ts'

// A table as rows in memory: what the Iceberg spec says a reader must give, told in the plainest way.

/** As SQL casts it from text; equal texts are equal values, and nulls are equal. */
export type Value = string | null

/** Where a row or a delete lies. */
export interface Partition {
  readonly specId: number
  readonly values: readonly Value[]
}

export interface ModelRow {
  /** By field id; a column that came later is not in it. */
  readonly values: ReadonlyMap<number, Value>
  readonly sequence: number
  readonly partition: Partition
}

/** Equality deletes of one file. */
export interface KeyDelete {
  readonly ids: readonly number[]
  readonly keys: readonly (readonly Value[])[]
  readonly sequence: number
  readonly partition: Partition | 'everywhere'
}

/** What one snapshot has. Rows that were deleted by position are gone from it. */
export interface ModelSnapshot {
  readonly rows: readonly ModelRow[]
  readonly keyDeletes: readonly KeyDelete[]
}

/** By field id: the values of columns in rows that are older than they. */
export type Defaults = ReadonlyMap<number, Value>

export function columnValue(row: ModelRow, id: number, defaults: Defaults): Value {
  const value = row.values.get(id)
  return value === undefined ? (defaults.get(id) ?? null) : value
}

/** The rows that no delete by key applies to. */
export function liveRows({ rows, keyDeletes }: ModelSnapshot, defaults: Defaults): readonly ModelRow[] {
  return rows.filter(row => !keyDeletes.some(each => applies(each, row, defaults)))
}

function applies({ ids, keys, sequence, partition }: KeyDelete, row: ModelRow, defaults: Defaults): boolean {
  if (row.sequence >= sequence) return false
  if (partition !== 'everywhere' && !isSamePartition(partition, row.partition)) return false
  return keys.some(key => ids.every((id, index) => key[index] === columnValue(row, id, defaults)))
}

function isSamePartition(one: Partition, other: Partition): boolean {
  return (
    one.specId === other.specId && one.values.every((value, index) => value === (other.values[index] ?? null))
  )
}

/** The partition that a spec puts a row in. */
export function partitionOf(spec: PartitionSpec, values: ReadonlyMap<number, Value>): Partition {
  return {
    specId: spec['spec-id'],
    values: spec.fields.map(field => {
      const value = values.get(field['source-id']) ?? null
      if (field.transform === 'void' || value === null) return null
      return field.transform === 'truncate[1]' ? ([...value][0] ?? '') : value
    }),
  }
}

/** The live rows under a schema as TableLab.rows prints them. */
export function printedRows(snapshot: ModelSnapshot, schema: Schema, defaults: Defaults): string[] {
  return liveRows(snapshot, defaults)
    .map(row => {
      const values = schema.fields.map(({ id, type }) => printed(type, columnValue(row, id, defaults)))
      return JSON.stringify(values)
    })
    .sort()
}

function printed(type: unknown, value: Value): unknown {
  if (value === null || type === 'string' || type === 'long') return value
  const number = Number(value)
  return Number.isFinite(number) ? number : String(number)
}
