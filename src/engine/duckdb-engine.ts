import type { S3Storage } from '../storage/s3-storage.ts'
import type { Engine, EngineSession, SessionOptions } from '../table/engine.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createEngineMetrics, type EngineMetrics } from './engine-metrics.ts'
import { WorkerPool } from './worker-pool.ts'
import { WorkerSession } from './worker-session.ts'

export interface DuckdbEngineOptions {
  /** How many worker processes there are at most. */
  readonly workers: number
  /** What DuckDB may use in each worker. It spills beyond, or fails with ENGINE_OUT_OF_MEMORY. */
  readonly memoryLimitBytes: number
  /**
   * What a worker may have resident beyond `memoryLimitBytes` before it is ended: Node itself, and allocations that DuckDB does
   * not count (one giant value, a nested one). @default 512 MiB and a quarter of the limit
   */
  readonly memoryHeadroomBytes?: number
  /** DuckDB's threads in each worker. */
  readonly threads: number
  /** Of each statement; a session may set its own. */
  readonly timeLimitMs: number
  /** For what does not fit into memory; each worker makes and removes a folder in it. */
  readonly tempFolder: string
  /** Storage on S3 that statements read and write, by DuckDB's httpfs extension. @default none */
  readonly s3?: S3Storage | undefined
  /** Where `httpfs.duckdb_extension` is. @default DuckDB's repository on the internet */
  readonly extensionFolder?: string | undefined
  readonly log: Log
  readonly metrics: Metrics
}

const MIB = 1024 * 1024

/**
 * An Engine over DuckDB in child processes: they start when first needed, are replaced when they end, and end with the program
 * however it ends. Close it, or the processes keep the program alive.
 */
export function createDuckdbEngine(options: DuckdbEngineOptions): Engine & AsyncDisposable {
  return new DuckdbEngine(options)
}

class DuckdbEngine implements Engine, AsyncDisposable {
  readonly workersMax: number
  readonly #options: DuckdbEngineOptions
  readonly #metrics: EngineMetrics
  readonly #pool: WorkerPool

  constructor(options: DuckdbEngineOptions) {
    this.workersMax = options.workers
    this.#options = options
    this.#metrics = createEngineMetrics(options.metrics)
    this.#pool = new WorkerPool({ ...options, workersMax: options.workers, metrics: this.#metrics })
  }

  async session<T>(options: SessionOptions, work: (session: EngineSession) => Promise<T>): Promise<T> {
    return await this.#pool.borrow(options.signal, async (worker, workerIndex) => {
      const { memoryLimitBytes, memoryHeadroomBytes = 512 * MIB + memoryLimitBytes / 4 } = this.#options
      const session = new WorkerSession(worker, {
        ...options,
        timeLimitMs: options.timeLimitMs ?? this.#options.timeLimitMs,
        memoryLimitBytes,
        residentLimitBytes: memoryLimitBytes + memoryHeadroomBytes,
        workerIndex,
        metrics: this.#metrics,
        s3: this.#options.s3,
      })
      this.#metrics.sessionsActive.add({}, 1)
      try {
        return await work(session)
      } finally {
        await session.end()
        this.#metrics.sessionsActive.add({}, -1)
      }
    })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
