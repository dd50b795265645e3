import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { EngineValue } from '../table/engine.ts'
import type { Log } from '../telemetry/log.ts'
import type { WorkerEnd } from './engine-metrics.ts'
import type { StatementResponse, WorkerRequest, WorkerResponse, WorkerSettings } from './worker-protocol.ts'

/** V8's own heap in a worker: rows in transit and the user's functions. DuckDB's memory is not in it. */
const HEAP_LIMIT_MB = 512
const STDERR_LINES_KEPT = 20
const CLOSE_GRACE_MS = 2000

/** How a worker process ended. */
export interface WorkerExit {
  /** Why the program ended it; `crash` when it did not, `closed` with the engine. */
  readonly reason: WorkerEnd | 'closed'
  readonly exitCode: number | null
  readonly exitSignal: string | null
  /** The last lines that it wrote to standard error. */
  readonly stderr: string
}

/** A request for a statement before it has its id. */
export type Statement =
  | Omit<Extract<WorkerRequest, { type: 'query' }>, 'id'>
  | Omit<Extract<WorkerRequest, { type: 'map' }>, 'id'>
  | Omit<Extract<WorkerRequest, { type: 'useS3' }>, 'id'>

/** What `run` tells while a statement runs. */
export interface StatementEvents {
  onStart(id: number): void
  onRows(rows: readonly (readonly EngineValue[])[]): void
}

type Answer = Exclude<WorkerResponse, { type: 'rows' }>

/** One worker process: an empty database whenever `ready` has resolved, one statement at a time. */
export class WorkerProcess {
  readonly pid: number
  /** Resolves when the process is gone and its temporary files are removed. */
  readonly exited: Promise<WorkerExit>
  readonly #child: ChildProcess
  readonly #stderr: string[] = []
  #reason: WorkerExit['reason'] = 'crash'
  #alive = true
  #lastId = 0
  #onResponse: ((response: WorkerResponse) => void) | undefined

  constructor(settings: WorkerSettings, log: Log) {
    this.#child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), [JSON.stringify(settings)], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${HEAP_LIMIT_MB}`, '--enable-source-maps'],
      // Dates in a user's function mean the same on every machine. A statement holds one thread of libuv's pool while it runs.
      env: { ...environmentWithoutSecrets(), TZ: 'UTC', UV_THREADPOOL_SIZE: '4' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.pid = this.#child.pid ?? 0
    this.#child.on('message', (response: WorkerResponse) => this.#onResponse?.(response))
    this.#readOutput(log.child({ worker: this.pid }))
    this.exited = this.#waitForExit(settings.tempFolder)
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Resolves when the process has started and an empty database is open; with the exit when it ended instead. */
  async ready(): Promise<WorkerExit | undefined> {
    const answer = await this.#nextResponse(() => undefined)
    return 'type' in answer ? undefined : answer
  }

  /** Drops what the session made. Resolves as `ready` does. */
  async renew(): Promise<WorkerExit | undefined> {
    const answer = await this.#nextResponse(() => this.#send({ type: 'endSession' }))
    return 'type' in answer ? undefined : answer
  }

  /** Runs one statement, whose id `interrupt` takes. Resolves with the exit when the process ended instead. */
  async run(statement: Statement, events: StatementEvents): Promise<StatementResponse | WorkerExit> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = await this.#nextResponse(() => {
      this.#send({ ...statement, id })
      events.onStart(id)
    }, events.onRows)
    if ('type' in answer && answer.type === 'ready') assert.fail('a worker answered a statement with ready')
    return answer
  }

  interrupt(id: number): void {
    this.#send({ type: 'interrupt', id })
  }

  /** Ends the process at once; the first reason given is the one that counts. */
  kill(reason: WorkerExit['reason']): void {
    if (this.#reason === 'crash') this.#reason = reason
    this.#child.kill('SIGKILL')
  }

  /** Asks the process to end, and ends it when it does not. */
  async close(): Promise<void> {
    if (!this.#alive) return
    this.#reason = 'closed'
    const timer = setTimeout(() => this.kill('closed'), CLOSE_GRACE_MS)
    if (this.#child.connected) this.#child.disconnect()
    await this.exited
    clearTimeout(timer)
  }

  #send(request: WorkerRequest): void {
    // An error here means that the process is ending, which `exited` tells.
    if (this.#child.connected) this.#child.send(request, () => undefined)
  }

  async #nextResponse(start: () => void, onRows?: StatementEvents['onRows']): Promise<Answer | WorkerExit> {
    const response = new Promise<Answer>(resolve => {
      this.#onResponse = message => (message.type === 'rows' ? onRows?.(message.rows) : resolve(message))
    })
    start()
    return await Promise.race([response, this.exited])
  }

  #readOutput(log: Log): void {
    readLines(this.#child.stdout, line => log.info({}, line))
    readLines(this.#child.stderr, line => {
      log.warn({}, line)
      this.#stderr.push(line)
      if (this.#stderr.length > STDERR_LINES_KEPT) this.#stderr.shift()
    })
  }

  async #waitForExit(tempFolder: string): Promise<WorkerExit> {
    const [exitCode, exitSignal] = await new Promise<[number | null, string | null]>(resolve => {
      // `close` comes after the last line of output, but on Node 20 never after this side has disconnected.
      this.#child.once('close', (code, signal) => resolve([code, signal]))
      this.#child.once('exit', (code, signal) => {
        if (this.#reason === 'closed') resolve([code, signal])
      })
      this.#child.on('error', error => {
        this.#stderr.push(error.message)
        // Without a pid the process never was, and does not close either.
        if (this.#child.pid === undefined) resolve([null, null])
      })
    })
    this.#alive = false
    await rm(tempFolder, { recursive: true, force: true })
    return { reason: this.#reason, exitCode, exitSignal, stderr: this.#stderr.join('\n') }
  }
}

/**
 * DuckDB would make settings of AWS's variables, secrets among them, and any statement can read a setting. The catalog is
 * no business of a worker at all, and a user's function could read its variables.
 */
function environmentWithoutSecrets(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(AWS_|PG|INGOT_CATALOG_)/.test(name)),
  )
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', onLine)
}
