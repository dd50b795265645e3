import { join } from 'node:path'
import { IngotError } from '../errors.ts'
import type { Log } from '../telemetry/log.ts'
import { closedError, startFailedError } from './engine-errors.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import { WorkerProcess } from './worker-process.ts'

export interface WorkerPoolOptions {
  readonly workersMax: number
  readonly memoryLimitBytes: number
  readonly threads: number
  readonly tempFolder: string
  readonly extensionFolder?: string | undefined
  readonly log: Log
  readonly metrics: EngineMetrics
}

/** A place for one worker process, which is replaced when it ended. */
interface Slot {
  readonly index: number
  worker: WorkerProcess | undefined
}

interface Waiter {
  readonly grant: (slot: Slot) => void
  readonly refuse: (error: IngotError) => void
}

/** Lends worker processes, each to one borrower, in the order in which they were asked for. Processes start when first needed. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #slots: readonly Slot[]
  /** The last given back is the first lent: one worker serves a light load, the others need not start. */
  readonly #free: Slot[]
  readonly #waiters: Waiter[] = []
  #closed = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.workersMax }, (_, index) => ({ index, worker: undefined }))
    this.#free = [...this.#slots]
  }

  /** @throws CANCELLED when `signal` is aborted or the pool closed before a worker is free; ENGINE_CRASHED when none starts */
  async borrow<T>(
    signal: AbortSignal | undefined,
    use: (worker: WorkerProcess, index: number) => Promise<T>,
  ): Promise<T> {
    const slot = await this.#acquire(signal)
    try {
      return await use(await this.#startedWorker(slot), slot.index)
    } finally {
      // Not awaited: the borrower has its answer, and the next one waits until the worker is empty again.
      void this.#giveBack(slot)
    }
  }

  /** Ends every process. Who waits is refused. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(closedError())
    await Promise.all(this.#slots.map(slot => slot.worker?.close()))
  }

  #acquire(signal: AbortSignal | undefined): Promise<Slot> {
    if (this.#closed) return Promise.reject(closedError())
    if (signal?.aborted) return Promise.reject(cancelledWaiting(signal))
    const slot = this.#free.shift()
    if (slot) return Promise.resolve(slot)
    return this.#wait(signal)
  }

  async #wait(signal: AbortSignal | undefined): Promise<Slot> {
    const { sessionsQueued } = this.#options.metrics
    sessionsQueued.add({}, 1)
    let onAbort: (() => void) | undefined
    try {
      return await new Promise<Slot>((resolve, reject) => {
        const waiter: Waiter = { grant: resolve, refuse: reject }
        this.#waiters.push(waiter)
        onAbort = () => {
          const position = this.#waiters.indexOf(waiter)
          if (position >= 0) this.#waiters.splice(position, 1)
          if (position >= 0 && signal) reject(cancelledWaiting(signal))
        }
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    } finally {
      sessionsQueued.add({}, -1)
      if (onAbort) signal?.removeEventListener('abort', onAbort)
    }
  }

  async #startedWorker(slot: Slot): Promise<WorkerProcess> {
    if (this.#closed) throw closedError()
    if (slot.worker?.alive) return slot.worker
    const { memoryLimitBytes, threads, tempFolder, extensionFolder, log } = this.#options
    const folder = join(tempFolder, `worker-${process.pid}-${slot.index}`)
    const settings = { memoryLimitBytes, threads, tempFolder: folder, extensionFolder }
    const worker = new WorkerProcess(settings, log)
    slot.worker = worker
    void this.#reportEnd(worker)
    const exit = await worker.ready()
    if (exit) throw exit.reason === 'closed' ? closedError() : startFailedError(exit)
    return worker
  }

  async #giveBack(slot: Slot): Promise<void> {
    if (slot.worker?.alive && !this.#closed) await slot.worker.renew()
    const next = this.#waiters.shift()
    if (next) next.grant(slot)
    else this.#free.unshift(slot)
  }

  async #reportEnd(worker: WorkerProcess): Promise<void> {
    const { reason, exitCode, exitSignal, stderr } = await worker.exited
    if (reason === 'closed') return
    this.#options.metrics.workersEnded.add({ reason })
    this.#options.log.warn(
      { pid: worker.pid, reason, exitCode, exitSignal, stderr },
      'an engine worker ended',
    )
  }
}

function cancelledWaiting(signal: AbortSignal): IngotError {
  return new IngotError('CANCELLED', 'the session was cancelled while it waited for a worker', {
    cause: signal.reason,
  })
}
