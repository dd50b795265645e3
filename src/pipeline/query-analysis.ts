import type { SqlNode } from '../lake/sql-tree.ts'
import type { World } from './from-tree.ts'

/** Columns that a query gets beside its own when its table has a key: by them one row a key is chosen. */
export const ORDER_COLUMN = 'ingot_order'
export const DELETE_COLUMN = 'ingot_delete'
/** Where the driving row came from, in the order in which ties are broken. */
export const TIE_COLUMNS = ['ingot_tie_source', 'ingot_tie_partition', 'ingot_tie_position'] as const
/** The bronze columns that TIE_COLUMNS hold. */
export const TIE_SOURCES = ['_source', '_source_partition', '_position'] as const

/** The relation of touched keys that a recomputation reads, and its columns. */
export const KEYS_RELATION = 'ingot_keys'

/** The trees of a table's SQL texts, as the engine parsed them. */
export interface ParsedQuery {
  readonly select: SqlNode
  readonly orderBy: SqlNode | undefined
  readonly deleteWhen: SqlNode | undefined
  /** The SQL types of the table's columns, by name. */
  readonly castTypes: ReadonlyMap<string, SqlNode>
}

export function keyColumnName(index: number): string {
  return `ingot_key_${index}`
}

/** Finds keys whose rows may have changed through one slot of one input. */
export interface TouchedQuery<Query> {
  readonly input: number
  /** The changed rows that it reads: it finds nothing, and needs not run, where there are none of these. */
  readonly changes: World
  readonly query: Query
}

/** Touched values of key column `keyIndex` bound the rows of an input that a recomputation needs. */
export interface KeyRange {
  readonly keyIndex: number
  readonly input: number
  readonly column: string
  /** The key is the column's value cut down to this interval, as SQL writes it (`1 day`); undefined: it is the value. */
  readonly width: string | undefined
}

/**
 * Of each input, by its place, the columns in lower case that a query reads: rows of an input that are equal in these are equal to
 * the query.
 */
export type ReadColumns = ReadonlyMap<number, ReadonlySet<string> | 'all'>

/**
 * How a table follows its inputs. `rows` gives all its rows (before checks and the choice of one row a key); `Query` is a syntax
 * tree, and text once it is prepared for running.
 */
export type Analysis<Query> =
  | { readonly strategy: 'full'; readonly reason: string; readonly rows: Query }
  | {
      /** Rows that came to the driving input give the rows that are appended, while nothing else changed. */
      readonly strategy: 'append'
      readonly reason: string
      readonly rows: Query
      readonly drivingInput: number
      readonly appended: Query
      readonly reads: ReadColumns
    }
  | {
      /** Rows of the touched keys are computed anew and exchanged. */
      readonly strategy: 'keys'
      readonly reason: string
      readonly rows: Query
      readonly keyColumns: readonly string[]
      readonly touched: readonly TouchedQuery<Query>[]
      readonly recomputed: Query
      readonly ranges: readonly KeyRange[]
      readonly reads: ReadColumns
    }

/** An analysis with its queries still as trees. */
export interface QueryAnalysis {
  readonly analysis: Analysis<SqlNode>
  /** Which of ORDER_COLUMN and the like the trees give; undefined: they are to be put around the printed text. */
  readonly helpers: readonly string[] | undefined
}
