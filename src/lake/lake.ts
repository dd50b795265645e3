import type { Type } from '../format/types.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** Where in the user's project something was declared: 1-based, mapped back to the TypeScript source. */
export interface SourceSite {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface LakeColumn {
  readonly name: string
  /** Field ids inside nested types are meaningless here: the catalog assigns them. */
  readonly type: Type
  readonly doc?: string
}

export type Tier = 'bronze' | 'silver' | 'gold'

/** What happens to a row that fails a check. */
export type Otherwise = 'warn' | 'drop' | 'quarantine' | 'fail'

export interface Expectation {
  readonly name: string
  /** A boolean SQL expression over the table's columns; a row passes when it is true (null fails). */
  readonly check: string
  readonly otherwise: Otherwise
  readonly site: SourceSite
}

/** Files by glob, relative to the project's folder unless absolute. */
export interface FilesSource {
  readonly type: 'files'
  readonly glob: string
  readonly format: 'ndjson' | 'json' | 'csv' | 'parquet' | 'auto'
  /**
   * A file that was taken and changed since: `append` takes the lines it grew by and refuses a file that was
   * replaced; `replace` exchanges the rows of that file.
   */
  readonly onChange: 'append' | 'replace'
  readonly csv?: { readonly delimiter?: string; readonly header?: boolean; readonly nullText?: string }
  readonly site: SourceSite
}

type Source = FilesSource

interface LakeTableBase {
  readonly identifier: TableIdentifier
  readonly tier: Tier
  readonly exportName: string
  readonly site: SourceSite
  readonly description?: string
  /** Iceberg partition transforms as text over output columns: `day(at)`, `bucket(16, id)`, `region`. */
  readonly partitionBy: readonly string[]
  /** The table's columns in order, system columns (`_source` …) included. Known before anything runs. */
  readonly columns: readonly LakeColumn[]
  /** Changes exactly when what the table's rows would be changes (its query, key, checks, sources' meaning): not with its place in the file. */
  readonly definitionHash: string
}

export interface BronzeTable extends LakeTableBase {
  readonly kind: 'bronze'
  readonly sources: readonly Source[]
  /** The declared columns, without system columns; undefined: one `payload` column holds the JSON text. */
  readonly declared: readonly LakeColumn[] | undefined
  readonly onNewColumn: 'rescue' | 'add' | 'fail' | 'ignore'
}

interface DerivedTable extends LakeTableBase {
  /** Tables read, each once, in the order of first mention. */
  readonly inputs: readonly TableIdentifier[]
  readonly key: readonly string[]
  /**
   * SQL expression, `desc` not allowed: the row with the greatest value wins. Set if key is. Of a row-by-row query it may use the
   * columns of its FROM and of its output, with system columns bound to the first table; else (grouped, distinct, a set operation, a map)
   * the output's alone.
   */
  readonly orderBy?: string
  /** Boolean SQL expression over the same columns as `orderBy`: when the winning row of a key fulfils it, the key has no row (a delete arrived). */
  readonly deleteWhen?: string
  readonly expectations: readonly Expectation[]
}

export interface QueryTable extends DerivedTable {
  readonly kind: 'query'
  /** One SELECT; tables are written as two-part quoted names: `"bronze"."flights"`. */
  readonly sql: string
  /** The site of the SQL text, to point into it. */
  readonly sqlSite: SourceSite
  /** What the user should know of the query, though it is none of the mistakes; a sentence each. @default nothing */
  readonly notes?: readonly string[]
}

/** A row-by-row function of the user's: each input row gives any number of output rows. */
export interface MapTable extends DerivedTable {
  readonly kind: 'map'
  /** The user raises it when the function's meaning changes. */
  readonly version: number
}

export type LakeTable = BronzeTable | QueryTable | MapTable

/** A project, loaded and checked: everything that can be known before a run is right. */
export interface Lake {
  readonly projectFolder: string
  /** The bundled project, for workers that run the user's functions. */
  readonly modulePath: string
  /** Inputs before what reads them. */
  readonly tables: readonly LakeTable[]
}

/** Columns that bronze rows carry: where each row came from, and what did not fit its columns. */
export const BRONZE_SYSTEM_COLUMNS: readonly LakeColumn[] = [
  { name: '_source', type: 'string', doc: 'the file, topic or channel that the row came from' },
  // Not `_partition`: that is a metadata column of Iceberg's, and Spark refuses tables that have one of their own.
  { name: '_source_partition', type: 'int', doc: 'the partition in that source; 0 for a file' },
  { name: '_position', type: 'long', doc: 'the line or row number in a file from 1, or the offset' },
  { name: '_ingested_at', type: 'timestamptz', doc: 'when the run that loaded the row began' },
  {
    name: '_rescued',
    type: 'string',
    doc: 'JSON of fields that are not declared or did not fit their type; null when all did',
  },
]
