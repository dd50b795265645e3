import type { ColumnType, ColumnTypes } from './column-types.ts'
import type { FilesSource, Otherwise, SourceSite, Tier } from './lake.ts'
import type { TypedTable } from './row-types.ts'

/** What is wrong with a declaration: the cause in lower case, and what to write instead. */
export interface OptionMistake {
  readonly cause: string
  readonly fix: string
}

/** A literal between `${` and `}` of the `sql` tag. */
export type SqlLiteral = string | number | boolean | bigint | Date | null

/** What `sql` takes between `${` and `}`; never raw SQL text. */
export type SqlValue = TableDeclaration | SqlFragment | SqlLiteral | readonly SqlLiteral[]

/** A piece of SQL with its interpolations still apart, made by the `sql` tag. */
export interface SqlFragment {
  /** The text between the interpolations, one more than there are values, as it stands in the source. */
  readonly chunks: readonly string[]
  readonly values: readonly SqlValue[]
  readonly site: SourceSite
}

interface DeclarationBase<Id extends string, R> extends TypedTable<Id, R> {
  readonly tier: Tier
  /** The table's own name; `id` has the tier before it. */
  readonly name: string
  readonly description: string | undefined
  readonly partitionBy: readonly string[]
  /** In the code that runs: see `captureCallSite`. */
  readonly site: SourceSite
  /** What is wrong with the options, reported when the whole project is checked. */
  readonly mistakes: readonly OptionMistake[]
}

/** A table filled from sources. */
export interface BronzeDeclaration<Id extends string = string, R = unknown> extends DeclarationBase<Id, R> {
  readonly kind: 'bronze'
  readonly sources: readonly FilesSource[]
  readonly columns: ColumnTypes | undefined
  readonly onNewColumn: 'rescue' | 'add' | 'fail' | 'ignore'
}

/** A check as it was declared. */
export interface DeclaredCheck {
  readonly name: string
  readonly check: SqlFragment
  readonly otherwise: Otherwise
}

interface DerivedDeclaration<Id extends string, R> extends DeclarationBase<Id, R> {
  readonly key: readonly string[]
  /** A text is a column's name, with the table's alias before it or without. */
  readonly orderBy: string | SqlFragment | undefined
  readonly deleteWhen: SqlFragment | undefined
  readonly checks: readonly DeclaredCheck[]
}

/** A table that a query makes. */
export interface QueryDeclaration<Id extends string = string> extends DerivedDeclaration<Id, unknown> {
  readonly kind: 'query'
  /** Undefined only where a mistake says so. */
  readonly query: SqlFragment | undefined
}

/** A table that a TypeScript function makes, row by row. */
export interface MapDeclaration<Id extends string = string, R = unknown> extends DerivedDeclaration<Id, R> {
  readonly kind: 'map'
  /** Undefined only where a mistake says so. */
  readonly from: TableDeclaration | undefined
  readonly map: (row: never) => unknown
  readonly version: number
  readonly columns: ColumnTypes
}

/** What `bronze`, `silver` and `gold` return: exported from lake.ts it is a table of the lake. */
export type TableDeclaration = BronzeDeclaration | QueryDeclaration | MapDeclaration

/** The row of a bronze table without declared columns. */
export type PayloadColumns = { readonly payload: ColumnType<string> }

const declarations = new WeakSet<object>()

/** Freezes `declaration` and makes it one that `isDeclaration` knows. */
export function registerDeclaration<D extends TableDeclaration>(declaration: D): D {
  declarations.add(declaration)
  return Object.freeze(declaration)
}

/** Whether `value` was returned by `bronze`, `silver` or `gold`. */
export function isDeclaration(value: unknown): value is TableDeclaration {
  return typeof value === 'object' && value !== null && declarations.has(value)
}
