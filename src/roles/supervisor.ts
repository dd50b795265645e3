import { type ChildProcess, fork } from 'node:child_process'
import type { Clock } from '../clock.ts'
import { IngotError } from '../errors.ts'

/** A part of Ingot that runs as a process of its own. */
export interface RoleSpec {
  readonly name: string
  /** Arguments of the program, after its entry file. */
  readonly args: readonly string[]
  /** Read anew at every start, so that a role can be told where another one listens. */
  environment(): NodeJS.ProcessEnv
  /** What the role sends over its channel. */
  onMessage(message: unknown): void
  /** A role that ends by itself with code 0 is finished, and not started again. @default false */
  readonly finishes?: boolean
}

export interface SupervisorOptions {
  /** The program's entry file, forked for every role. */
  readonly entry: string
  readonly clock: Clock
  /** Told of starts and deaths, as they happen. */
  onChange(change: RoleChange): void
}

export type RoleChange =
  | { readonly type: 'started'; readonly role: string; readonly pid: number; readonly restarts: number }
  | { readonly type: 'died'; readonly role: string; readonly reason: string; readonly restartInMs: number }
  | { readonly type: 'finished'; readonly role: string }

const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 10_000
/** A role that lived this long starts the next time without waiting. */
const STABLE_AFTER_MS = 30_000
const GRACE_MS = 10_000
/** A wrong configuration or declaration: starting again would not help. */
const EXIT_WRONG_USE = 2

/**
 * Keeps roles running: each is a child process that is started again, ever more slowly, when it dies. The roles share nothing
 * but the catalog, the files and HTTP, so that one may die at any instant without the others. When the supervisor itself
 * is killed its children see the channel close and end.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #children = new Map<string, ChildProcess>()
  readonly #stopped = new AbortController()

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /**
   * Runs `role` until it finishes (`finishes`) or the supervisor is closed.
   * @throws RoleFailed when a finishing role ends with an error code, or any role because it was called wrongly
   */
  async run(role: RoleSpec): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS
    for (let restarts = 0; !this.#stopped.signal.aborted; restarts += 1) {
      const startedAtMs = this.#options.clock.nowMs()
      const end = await this.#runOnce(role, restarts)
      if (this.#stopped.signal.aborted) return
      if (role.finishes && end.code === 0) {
        return this.#options.onChange({ type: 'finished', role: role.name })
      }
      if (end.code === EXIT_WRONG_USE || (role.finishes && end.code !== null)) {
        throw new RoleFailed(role.name, end.code)
      }
      if (this.#options.clock.nowMs() - startedAtMs > STABLE_AFTER_MS) backoffMs = BACKOFF_FIRST_MS
      const reason = end.signal ? `killed by ${end.signal}` : `exited with code ${end.code}`
      this.#options.onChange({ type: 'died', role: role.name, reason, restartInMs: backoffMs })
      await this.#pause(backoffMs)
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
    }
  }

  /** The process of a role that is running now. */
  pidOf(roleName: string): number | undefined {
    return this.#children.get(roleName)?.pid
  }

  /** Asks every role to end, and ends those by force that have not after ten seconds. */
  async close(): Promise<void> {
    this.#stopped.abort()
    await Promise.all([...this.#children.values()].map(child => this.#end(child)))
  }

  async #runOnce(role: RoleSpec, restarts: number): Promise<RoleEnd> {
    const child = fork(this.#options.entry, [...role.args], {
      env: role.environment(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.set(role.name, child)
    child.on('message', message => role.onMessage(message))
    const ended = new Promise<RoleEnd>(resolve => {
      child.once('error', () => resolve({ code: null, signal: null }))
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    if (child.pid !== undefined) {
      this.#options.onChange({ type: 'started', role: role.name, pid: child.pid, restarts })
    }
    const end = await ended
    this.#children.delete(role.name)
    return end
  }

  async #end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    const late = new AbortController()
    const force = this.#options.clock.sleep(GRACE_MS, late.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    )
    await exited
    late.abort()
    await force
  }

  async #pause(ms: number): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, this.#stopped.signal)
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw error
    }
  }
}

interface RoleEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A role that was to finish its work ended with an error; it has said why itself. */
export class RoleFailed extends IngotError {
  readonly exitCode: number

  constructor(role: string, exitCode: number) {
    super('ENGINE_FAILED', `the ${role} ended with code ${exitCode}`, { context: { role, exitCode } })
    this.exitCode = exitCode
  }
}
