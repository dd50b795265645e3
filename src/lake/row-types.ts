import type { ColumnTypes, ValueOf } from './column-types.ts'

/**
 * The row types of the project's tables by name. Empty here: the file that `ingot types` writes adds to it by module
 * augmentation, from the engine's own description of each table.
 */
// biome-ignore lint/suspicious/noEmptyInterface: a type alias cannot be augmented
export interface LakeRows {}

/** What a row holds whose type is not known to the compiler yet. */
export type RowValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly RowValue[]
  | { readonly [name: string]: RowValue }

/** A row of a query's table before `ingot types` has run. */
export interface UntypedRow {
  readonly [column: string]: RowValue
}

/** The columns that every bronze row has beside its own: where it came from, and what did not fit. */
export interface BronzeSystemColumns {
  readonly _source: string
  readonly _source_partition: number
  readonly _position: bigint
  readonly _ingested_at: string
  readonly _rescued: string | null
}

/** The row of declared columns; every one may be null. */
export type RowOf<Columns extends ColumnTypes> = {
  readonly [Name in keyof Columns]: ValueOf<Columns[Name]> | null
}

/** What carries a row type: the part of a declaration that the compiler looks at. */
export interface TypedTable<Id extends string = string, R = unknown> {
  readonly id: Id
  /** Only for the compiler: no value is ever there. */
  readonly '~row'?: R
}

/**
 * The TypeScript type of a table's rows, of a declaration (`Row<typeof readings>`) or of a name that `ingot types`
 * has written (`Row<'silver.readings'>`).
 */
export type Row<T extends keyof LakeRows | TypedTable> = T extends keyof LakeRows
  ? LakeRows[T]
  : T extends TypedTable<infer Id, infer R>
    ? RowOfTable<Id, R>
    : never

type RowOfTable<Id extends string, R> = unknown extends R
  ? Id extends keyof LakeRows
    ? LakeRows[Id]
    : UntypedRow
  : R
