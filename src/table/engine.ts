/**
 * How a value of an SQL result reaches TypeScript. Integers up to 32 bits, float, double: number; larger integers: bigint; decimal, date,
 * time, timestamp, timestamptz (UTC), interval, uuid: text as the engine prints it; blob: bytes; list: array;
 * struct: object; map: array of [key, value].
 */
export type EngineValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly EngineValue[]
  | { readonly [name: string]: EngineValue }

export interface EngineColumn {
  readonly name: string
  /** As SQL takes it: `BIGINT`, `DECIMAL(18,3)`, `TIMESTAMP WITH TIME ZONE`; in results, names inside are quoted: `STRUCT("a" INTEGER)[]`. */
  readonly type: string
}

export interface EngineResult {
  readonly columns: readonly EngineColumn[]
  readonly rows: readonly (readonly EngineValue[])[]
}

/** A TypeScript function of the user's, run over rows inside the worker (rows never cross to the program in bulk). */
export interface MapTask {
  /** Absolute path of the bundled project, an ES module. */
  readonly modulePath: string
  /** The export whose declaration has the function. */
  readonly exportName: string
  /** The rows it reads. */
  readonly sourceSql: string
  /** The table that it makes or replaces; like a temporary one it ends with the session. Nothing is made when it fails. */
  readonly into: string
  readonly columns: readonly EngineColumn[]
}

export interface EngineSession {
  /** Runs one statement. For small results: at most `rowsMax` rows (@default 100_000), else ENGINE_FAILED says so. */
  query(sql: string, options?: { readonly rowsMax?: number }): Promise<EngineResult>
  /** @throws DATA_INVALID when the function throws or returns what does not fit `columns`: with the row and the stack */
  map(task: MapTask): Promise<{ readonly rowsIn: number; readonly rowsOut: number }>
}

export interface SessionOptions {
  readonly signal?: AbortSignal
  /** What runs, for logs, metrics and errors: `silver.orders`. */
  readonly label?: string
  /** A statement that is not done by then is interrupted, then its worker is killed. @default from the engine's configuration */
  readonly timeLimitMs?: number
}

/**
 * Runs SQL (DuckDB's dialect) over Parquet files, in processes of its own: a worker that dies fails the session that was on it with
 * ENGINE_CRASHED, never the program.
 */
export interface Engine {
  /**
   * Runs `work` on one worker that it has to itself: temporary tables live as long as the session. Waits for a free
   * worker. Errors of a statement: ENGINE_FAILED, ENGINE_TIMEOUT, ENGINE_OUT_OF_MEMORY, ENGINE_CRASHED.
   */
  session<T>(options: SessionOptions, work: (session: EngineSession) => Promise<T>): Promise<T>
  /** How many sessions run at the same time. */
  readonly workersMax: number
  close(): Promise<void>
}
