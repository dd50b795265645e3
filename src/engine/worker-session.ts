import assert from 'node:assert/strict'
import type { S3Access } from '../storage/s3-requests.ts'
import type { S3Storage } from '../storage/s3-storage.ts'
import type { EngineResult, EngineSession, EngineValue, MapTask, SessionOptions } from '../table/engine.ts'
import { accessError, exitError, failureError, type StatementInfo, type StopReason } from './engine-errors.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import { watchResidentMemory } from './resident-memory.ts'
import type { Statement, StatementEvents, WorkerProcess } from './worker-process.ts'
import type { StatementResponse } from './worker-protocol.ts'

/** How long a statement has to end by itself after it was interrupted; one call on a giant value takes far longer. */
const INTERRUPT_GRACE_MS = 2000
const ROWS_MAX = 100_000

export interface WorkerSessionOptions extends SessionOptions {
  readonly timeLimitMs: number
  /** DuckDB's own limit, for messages. */
  readonly memoryLimitBytes: number
  /** A worker with more than this is ended. */
  readonly residentLimitBytes: number
  readonly workerIndex: number
  readonly metrics: EngineMetrics
  /** Files that statements reach beyond this machine's folders. */
  readonly s3?: S3Storage | undefined
}

type OnRows = StatementEvents['onRows']

/** A session on a worker that it has to itself; statements run in the order in which they were given. */
export class WorkerSession implements EngineSession {
  readonly #worker: WorkerProcess
  readonly #options: WorkerSessionOptions
  #queue: Promise<unknown> = Promise.resolve()
  #ended = false
  /** What the worker was given last. */
  #access: S3Access | undefined

  constructor(worker: WorkerProcess, options: WorkerSessionOptions) {
    this.#worker = worker
    this.#options = options
  }

  async query(sql: string, options: { readonly rowsMax?: number } = {}): Promise<EngineResult> {
    const rows: (readonly EngineValue[])[] = []
    const statement = { type: 'query', sql, rowsMax: options.rowsMax ?? ROWS_MAX } as const
    const response = await this.#enqueue(statement, sql, batch => rows.push(...batch))
    assert(response.type === 'result')
    return { columns: response.columns, rows }
  }

  async map(task: MapTask): Promise<{ readonly rowsIn: number; readonly rowsOut: number }> {
    const response = await this.#enqueue({ type: 'map', task }, task.sourceSql, () => undefined)
    assert(response.type === 'mapped')
    return { rowsIn: response.rowsIn, rowsOut: response.rowsOut }
  }

  /** Waits for statements that were given and not awaited, and takes no more. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#queue
  }

  #enqueue(statement: Statement, sql: string, onRows: OnRows): Promise<StatementResponse> {
    assert(!this.#ended, 'a statement was given to a session that has ended')
    const answered = this.#queue.then(() => this.#measure(statement, sql, onRows))
    this.#queue = answered.catch(() => undefined)
    return answered
  }

  async #measure(statement: Statement, sql: string, onRows: OnRows): Promise<StatementResponse> {
    const { statements, statementSeconds } = this.#options.metrics
    const startedMs = performance.now()
    try {
      const response = await this.#run(statement, sql, onRows)
      statements.add({ outcome: 'ok' })
      return response
    } catch (error) {
      statements.add({ outcome: String((error as { readonly code?: unknown }).code ?? 'defect') })
      throw error
    } finally {
      statementSeconds.observe({}, (performance.now() - startedMs) / 1000)
    }
  }

  async #run(statement: Statement, sql: string, onRows: OnRows): Promise<StatementResponse> {
    const { label, timeLimitMs, memoryLimitBytes, signal } = this.#options
    const info: StatementInfo = { sql, label, timeLimitMs, memoryLimitBytes }
    if (signal?.aborted) throw failureError(INTERRUPTED, info, { reason: 'cancelled', cause: signal.reason })
    await this.#giveAccess(info)
    const guard = new StatementGuard(this.#worker, this.#options)
    const answer = await this.#runGuarded(guard, statement, info, onRows)
    if (answer.type === 'failed') throw failureError(answer.failure, info, guard.stop)
    return answer
  }

  /** Before every statement: temporary credentials are renewed while a session goes on. */
  async #giveAccess(info: StatementInfo): Promise<void> {
    const { s3 } = this.#options
    if (s3 === undefined) return
    const access = await s3.access()
    if (access === this.#access) return
    const guard = new StatementGuard(this.#worker, this.#options)
    const statement = { type: 'useS3', scope: s3.root, access } as const
    const answer = await this.#runGuarded(guard, statement, info, () => undefined)
    if (answer.type === 'failed' && guard.stop) throw failureError(answer.failure, info, guard.stop)
    if (answer.type === 'failed') throw accessError(answer.failure, s3.root)
    this.#access = access
  }

  async #runGuarded(
    guard: StatementGuard,
    statement: Statement,
    info: StatementInfo,
    onRows: OnRows,
  ): Promise<StatementResponse> {
    try {
      const answer = await this.#worker.run(statement, { onStart: id => guard.start(id), onRows })
      if ('type' in answer) return answer
      throw exitError(answer, info, this.#options.signal?.reason)
    } finally {
      guard.end()
    }
  }
}

const INTERRUPTED = { type: 'engine', exceptionType: 'INTERRUPT', message: 'Interrupted!' } as const

/** Watches one statement: its time, its worker's memory, and whether it is still wanted. */
class StatementGuard {
  readonly #worker: WorkerProcess
  readonly #options: WorkerSessionOptions
  readonly #onAbort = (): void => this.#interrupt('cancelled')
  #id = 0
  #timer: NodeJS.Timeout | undefined
  #stopWatching: (() => void) | undefined
  #stopReason: StopReason | undefined

  constructor(worker: WorkerProcess, options: WorkerSessionOptions) {
    this.#worker = worker
    this.#options = options
  }

  /** Why the statement was asked to end, if it was. */
  get stop(): { readonly reason: StopReason; readonly cause?: unknown } | undefined {
    return this.#stopReason && { reason: this.#stopReason, cause: this.#options.signal?.reason }
  }

  start(id: number): void {
    this.#id = id
    this.#timer = setTimeout(() => this.#interrupt('time_limit'), this.#options.timeLimitMs)
    this.#stopWatching = watchResidentMemory(this.#worker.pid, bytes => this.#checkMemory(bytes))
    this.#options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#stopWatching?.()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }

  #interrupt(reason: 'time_limit' | 'cancelled'): void {
    if (this.#stopReason) return
    this.#stopReason = reason
    clearTimeout(this.#timer)
    this.#worker.interrupt(this.#id)
    this.#timer = setTimeout(() => this.#worker.kill(reason), INTERRUPT_GRACE_MS)
  }

  #checkMemory(bytes: number): void {
    this.#options.metrics.residentBytes.set({ worker: String(this.#options.workerIndex) }, bytes)
    if (bytes > this.#options.residentLimitBytes) this.#worker.kill('memory')
  }
}
