import type { S3Access } from '../storage/s3-requests.ts'
import type { EngineColumn, EngineValue, MapTask } from '../table/engine.ts'

// What the program and a worker tell one another over the IPC channel, in Node's `advanced` serialization (bigint and bytes cross as such).

/** The worker's own settings, passed as its only argument in JSON. */
export interface WorkerSettings {
  readonly memoryLimitBytes: number
  readonly threads: number
  /** For what does not fit into memory; the worker has it to itself. */
  readonly tempFolder: string
  /** Where DuckDB's extensions are; undefined: in DuckDB's repository. */
  readonly extensionFolder: string | undefined
}

/** One statement, one map over rows, or access to storage; `id` is unique within the worker. */
export type WorkerRequest =
  | { readonly type: 'query'; readonly id: number; readonly sql: string; readonly rowsMax: number }
  | { readonly type: 'map'; readonly id: number; readonly task: MapTask }
  /** Lets the statements that follow in the session reach the files below `scope`; answered by `result`. */
  | { readonly type: 'useS3'; readonly id: number; readonly scope: string; readonly access: S3Access }
  /** Ignored when statement `id` is not the one that runs. */
  | { readonly type: 'interrupt'; readonly id: number }
  /** Drops everything that the session made; answered by `ready`. */
  | { readonly type: 'endSession' }

export type WorkerResponse =
  /** An empty database is open: at the start, and after each session. */
  | { readonly type: 'ready' }
  /** Rows of a query that goes on. Node 20 puts a message together in time that grows with its square: rows cross in batches. */
  | { readonly type: 'rows'; readonly rows: readonly (readonly EngineValue[])[] }
  | StatementResponse

/** The answer to a `query`, after all its rows, or to a `map`. */
export type StatementResponse =
  | { readonly type: 'result'; readonly id: number; readonly columns: readonly EngineColumn[] }
  | { readonly type: 'mapped'; readonly id: number; readonly rowsIn: number; readonly rowsOut: number }
  | { readonly type: 'failed'; readonly id: number; readonly failure: WorkerFailure }

/** Why a statement failed, as plain data. */
export type WorkerFailure =
  | {
      readonly type: 'engine'
      /** DuckDB's class of error: `Binder`, `Out of Memory`, `INTERRUPT`; empty when it gave none. */
      readonly exceptionType: string
      readonly message: string
      /** Where in the statement, in bytes of UTF-8 from 0. */
      readonly positionBytes?: number
    }
  | { readonly type: 'tooManyRows'; readonly rowsMax: number }
  | {
      readonly type: 'map'
      readonly message: string
      /** The input row as JSON, shortened; absent when no row was at fault. */
      readonly row?: string
      readonly stack?: string
    }
