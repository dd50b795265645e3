import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Clock } from '../../../src/clock.ts'
import { type RoleChange, RoleFailed, type RoleSpec, Supervisor } from '../../../src/roles/supervisor.ts'

const folder = mkdtempSync(join(tmpdir(), 'ingot-supervisor-'))
const entry = join(folder, 'role.mjs')
writeFileSync(
  entry,
  `const [how, code] = process.argv.slice(2)
if (how === 'exit') process.exit(Number(code))
if (how === 'kill') process.kill(process.pid, 'SIGKILL')
if (how === 'deaf') process.on('SIGTERM', () => {})
process.send('ready')
setInterval(() => {}, 1000)
`,
)
after(() => rmSync(folder, { recursive: true, force: true }))

/** Time that passes only where something waits for it: every wait is over at once, and written down. */
class StandingClock implements Clock {
  readonly waits: number[] = []
  nowMs(): number {
    return 0
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.waits.push(ms)
  }
}

const role = (args: readonly string[], more: Partial<RoleSpec> = {}): RoleSpec => ({
  name: 'role',
  args,
  environment: () => process.env,
  onMessage: () => undefined,
  ...more,
})

test('a role that dies is started again, ever more slowly up to ten seconds, until the supervisor is closed', async () => {
  const clock = new StandingClock()
  const reasons: string[] = []
  let closed: Promise<void> | undefined
  const supervisor = new Supervisor({
    ...{ entry, clock },
    onChange: change => {
      if (change.type === 'died') reasons.push(change.reason)
      if (reasons.length === 8) closed ??= supervisor.close()
    },
  })
  await supervisor.run(role(['kill']))
  await closed
  assert.deepEqual([...new Set(reasons)], ['killed by SIGKILL'])
  assert.deepEqual(clock.waits.slice(0, 7), [200, 400, 800, 1600, 3200, 6400, 10_000])
})

test('a role that was called wrongly is not started again', async () => {
  const changes: RoleChange[] = []
  const supervisor = new Supervisor({
    entry,
    clock: new StandingClock(),
    onChange: change => changes.push(change),
  })
  await assert.rejects(
    supervisor.run(role(['exit', '2'])),
    error => error instanceof RoleFailed && error.exitCode === 2,
  )
  assert.deepEqual(
    changes.map(({ type }) => type),
    ['started'],
  )
})

test('a role that finishes is finished with code 0, and failed with any other', async () => {
  const changes: RoleChange[] = []
  const supervisor = new Supervisor({
    entry,
    clock: new StandingClock(),
    onChange: change => changes.push(change),
  })
  await supervisor.run(role(['exit', '0'], { finishes: true }))
  assert.deepEqual(
    changes.map(({ type }) => type),
    ['started', 'finished'],
  )
  await assert.rejects(supervisor.run(role(['exit', '1'], { finishes: true })), /role ended with code 1/)
})

test('closing ends a role that listens, and by force one that does not', async () => {
  for (const how of ['listens', 'deaf']) {
    const clock = new StandingClock()
    const supervisor = new Supervisor({ entry, clock, onChange: () => undefined })
    let told: () => void = () => undefined
    const started = new Promise<void>(resolve => {
      told = resolve
    })
    const ends = supervisor.run(role([how], { onMessage: () => told() }))
    await started
    const pid = supervisor.pidOf('role') ?? 0
    await supervisor.close()
    await ends
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, how)
    assert.equal(supervisor.pidOf('role'), undefined)
  }
})
