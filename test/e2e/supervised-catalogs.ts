import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { RoleMessage } from '../../src/roles/role-message.ts'
import { type RoleSpec, Supervisor } from '../../src/roles/supervisor.ts'
import { ENTRY, until } from './ingot-process.ts'

/** More than what the supervisor takes a role to have come up well after. */
const LONG_LIFE_MS = 60_000

/** Real time, but that it can be said to have passed faster: roles that are killed every second are not those that cannot start. */
class LeapingClock implements Clock {
  #aheadMs = 0

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }

  leap(ms: number): void {
    this.#aheadMs += ms
  }
}

/** Catalogs of one project, each a process of the built program that the program's own supervisor starts again when it dies. */
export class SupervisedCatalogs {
  readonly #clock = new LeapingClock()
  readonly #supervisor: Supervisor
  readonly #runs: Promise<void>[]
  /** Where each listens; the port that it got at its first start it keeps. */
  readonly #urls: (string | undefined)[]
  readonly #starts: number[]

  /** They end with the test. */
  static async start(
    t: TestContext,
    options: { readonly project: string; readonly count: number; readonly environment?: NodeJS.ProcessEnv },
  ): Promise<SupervisedCatalogs> {
    const catalogs = new SupervisedCatalogs(options)
    t.after(() => catalogs.#close())
    for (const index of catalogs.#urls.keys()) {
      await until(`catalog ${index} to listen`, () => catalogs.#urls[index])
    }
    return catalogs
  }

  private constructor(options: {
    readonly project: string
    readonly count: number
    readonly environment?: NodeJS.ProcessEnv
  }) {
    const indexes = Array.from({ length: options.count }, (_, index) => index)
    this.#urls = indexes.map(() => undefined)
    this.#starts = indexes.map(() => 0)
    this.#supervisor = new Supervisor({
      entry: ENTRY,
      clock: this.#clock,
      onChange: change => {
        const index = Number(change.role)
        if (change.type === 'started') this.#starts[index] = change.restarts + 1
      },
    })
    this.#runs = indexes.map(index => this.#supervisor.run(this.#spec(index, options)))
  }

  get urls(): readonly string[] {
    return this.#urls.map(url => url ?? assert.fail('it does not listen yet'))
  }

  /** `kill -9`; how long after it the process that the supervisor started in its place answered a request, in milliseconds. */
  async kill(index: number): Promise<number> {
    const pid = this.#supervisor.pidOf(String(index))
    assert(pid !== undefined, `catalog ${index} runs`)
    const startsBefore = this.#starts[index] ?? 0
    this.#clock.leap(LONG_LIFE_MS)
    const killedAt = performance.now()
    process.kill(pid, 'SIGKILL')
    await until(`catalog ${index} to answer again`, async () =>
      (this.#starts[index] ?? 0) > startsBefore && (await this.#answers(index)) ? true : undefined,
    )
    return performance.now() - killedAt
  }

  async #answers(index: number): Promise<boolean> {
    const answer = await fetch(`${this.urls[index]}/v1/config`).catch(() => undefined)
    return answer?.status === 200
  }

  #spec(
    index: number,
    { project, environment }: { readonly project: string; readonly environment?: NodeJS.ProcessEnv },
  ): RoleSpec {
    return {
      name: String(index),
      args: ['start', '--role', 'catalog', '--project', project],
      environment: () => ({
        ...process.env,
        INGOT_LOG_LEVEL: 'silent',
        ...environment,
        INGOT_HTTP_PORT: new URL(this.#urls[index] ?? 'http://127.0.0.1:0').port || '0',
      }),
      onMessage: message => {
        const received = message as RoleMessage
        if (received.type === 'listening' && 'url' in received) this.#urls[index] = received.url
      },
    }
  }

  async #close(): Promise<void> {
    await this.#supervisor.close()
    await Promise.all(this.#runs)
  }
}
