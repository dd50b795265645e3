// What a project imports as 'ingot'.
export { ERROR_CODES, type ErrorCode, IngotError, isIngotError } from './errors.ts'
export { type ColumnType, type ColumnTypes, t } from './lake/column-types.ts'
export type {
  BronzeDeclaration,
  MapDeclaration,
  QueryDeclaration,
  SqlFragment,
  SqlValue,
  TableDeclaration,
} from './lake/declaration.ts'
export { type FilesOptions, files } from './lake/files.ts'
// Everything of this file, by a star: only what is exported so can be augmented in 'ingot', as `ingot types` does.
export type * from './lake/row-types.ts'
export { sql } from './lake/sql.ts'
export {
  type BronzeOptions,
  bronze,
  type CheckOption,
  gold,
  type MapOptions,
  type QueryOptions,
  silver,
} from './lake/tables.ts'
