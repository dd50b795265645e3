import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The folder of package.json: compiled tests lie three folders below it. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
/** Compiled with the tests, from the same sources as the package. */
export const ENTRY = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

export interface IngotOptions {
  readonly cwd?: string
  readonly environment?: NodeJS.ProcessEnv
}

export interface IngotExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The built command line as a process that leads a process group, so that all it has started can be found. */
export class IngotProcess implements AsyncDisposable {
  readonly pid: number
  /** When this process has ended and its output is read to the end. */
  readonly ended: Promise<IngotExit>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], options: IngotOptions = {}) {
    this.#child = spawn(process.execPath, [ENTRY, ...args], {
      cwd: options.cwd ?? REPOSITORY,
      env: { ...process.env, NO_COLOR: '1', ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    assert.ok(this.#child.pid !== undefined, 'the process started')
    this.pid = this.#child.pid
    this.#child.stdout?.setEncoding('utf8').on('data', text => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', text => {
      this.#stderr += text
    })
    this.ended = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }))
  }

  /** What it has written so far. */
  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Sends a signal to this process alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with the match of `pattern` in all of standard error, at the latest when it ends. */
  async untilStderr(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(`${pattern} on standard error`, () => {
      const match = pattern.exec(this.#stderr)
      const ended = this.#child.exitCode !== null || this.#child.signalCode !== null
      if (!match && ended) assert.fail(`it ended without ${pattern}:\n${this.#stderr}`)
      return match ?? undefined
    })
  }

  /** Resolves when neither this process nor any that it started is left. */
  async untilGroupIsGone(): Promise<void> {
    await until(`the end of all processes of ${this.pid}`, () => (this.#groupLives() ? undefined : true))
  }

  /** Ends whatever of the group is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#groupLives()) process.kill(-this.pid, 'SIGKILL')
    await this.ended
  }

  #groupLives(): boolean {
    try {
      return process.kill(-this.pid, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
      throw error
    }
  }
}

export interface IngotResult extends IngotExit {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, whatever that is. */
export async function runIngot(args: readonly string[], options: IngotOptions = {}): Promise<IngotResult> {
  await using ingot = new IngotProcess(args, options)
  const exit = await ingot.ended
  return { ...exit, stdout: ingot.stdout, stderr: ingot.stderr }
}

/** Runs a command that must end well, and resolves with its standard output. */
export async function ingot(args: readonly string[], options: IngotOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await runIngot(args, options)
  assert.equal(code, 0, `ingot ${args.join(' ')} ended with ${code ?? signal}:\n${stdout}\n${stderr}`)
  return stdout
}

const PATIENCE_MS = 120_000
const LOOK_EVERY_MS = 20

/** Resolves with what `look` finds, as soon as it does; for what other processes do and nobody tells. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) assert.fail(`waited ${PATIENCE_MS} ms for ${what}`)
    await pause(LOOK_EVERY_MS)
  }
}
