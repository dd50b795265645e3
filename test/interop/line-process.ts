import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** Another engine in a process of its own, which answers each line of JSON with one. Close it. */
export class LineProcess {
  readonly #child: ChildProcess
  readonly #waiting: Waiting[] = []
  readonly #exited: Promise<void>
  #errors = ''
  #isShared = false

  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(command, args, { env: { ...process.env, ...environment } })
    this.#child = child
    child.stderr.on('data', chunk => {
      this.#errors = (this.#errors + String(chunk)).slice(-4000)
    })
    createInterface({ input: child.stdout }).on('line', line => this.#answer(line))
    // A process that is gone cannot take its input; that it is gone is what its requests are told.
    child.stdin.on('error', () => undefined)
    this.#exited = new Promise(resolve => {
      child.once('close', () => {
        this.#fail(new Error(`${command} ended: ${this.#errors}`))
        resolve()
      })
      child.once('error', error => {
        this.#fail(error)
        resolve()
      })
    })
  }

  /** Requests are answered in their order. Rejects with what the other side says went wrong. */
  request(value: unknown): Promise<unknown> {
    if (this.#child.exitCode !== null) return Promise.reject(new Error(`it ended before: ${this.#errors}`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#hold()
      this.#child.stdin?.write(`${JSON.stringify(value)}\n`)
    })
  }

  /** Lets this program end when nothing is asked of the process, which ends with it, as its input does. */
  share(): this {
    this.#isShared = true
    this.#hold()
    return this
  }

  /** Ends the input, at which the process ends. */
  async close(): Promise<void> {
    this.#child.stdin?.end()
    await this.#exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift()
    const { result, error } = JSON.parse(line) as { readonly result?: unknown; readonly error?: string }
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error))
    this.#hold()
  }

  /** A shared process keeps this program only as long as a request waits. */
  #hold(): void {
    if (!this.#isShared) return
    const { stdin, stdout, stderr } = this.#child
    for (const part of [this.#child, stdin, stdout, stderr]) {
      if (part !== this.#child && !(part instanceof Socket)) continue
      if (this.#waiting.length > 0) part.ref()
      else part.unref()
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
