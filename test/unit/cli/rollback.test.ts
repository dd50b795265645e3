import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { historyCommand } from '../../../src/cli/history.ts'
import { planCommand } from '../../../src/cli/plan.ts'
import { queryCommand } from '../../../src/cli/query.ts'
import { rollbackCommand } from '../../../src/cli/rollback.ts'
import { runCommand as refreshCommand } from '../../../src/cli/run.ts'
import { CommandLab } from './command-lab.ts'

const QUARANTINE = 'silver.readings__quarantine'

/** A reading of truck-9, which goes to quarantine when it is too fast. */
const arrive = (lab: CommandLab, minute: number, speed: number): Promise<void> =>
  appendFile(
    join(lab.project, 'inbox', 'readings-2026-03-01.ndjson'),
    `{"vehicle":"truck-9","measured_at":"2026-03-01T09:${minute}:00Z","speed_kmh":${speed}}\n`,
  )

const rowsOf = (lab: CommandLab): Promise<readonly string[]> =>
  Promise.all(
    [
      'select * from silver.readings order by all',
      `select * exclude (_run_id, _quarantined_at) from ${QUARANTINE} order by all`,
    ].map(sql => lab.good(queryCommand, sql, '-f', 'csv')),
  )

const back = (lab: CommandLab, ...args: readonly string[]): Promise<string> =>
  lab.good(rollbackCommand, 'silver.readings', ...args)

/** A lake in whose second transaction one row came to the table and one to its quarantine. */
async function openLab(): Promise<CommandLab> {
  const lab = await CommandLab.withLake()
  await lab.good(refreshCommand)
  await arrive(lab, 10, 50)
  await arrive(lab, 11, 500)
  await lab.good(refreshCommand)
  return lab
}

/** Makes the silver table one of a map function, with the expectation that it had. */
async function declareMap(lab: CommandLab): Promise<void> {
  const path = join(lab.project, 'lake.ts')
  const text = await readFile(path, 'utf8')
  const [before = ''] = text.split('/** One row for each vehicle and moment')
  await writeFile(
    path,
    `${before}
    export const cleanReadings = silver('readings', {
      version: 1,
      from: readings,
      columns: { vehicle: t.string(), measured_at: t.timestamp(), speed_kmh: t.double() },
      map: ({ vehicle, measured_at, speed_kmh }) => [{ vehicle, measured_at, speed_kmh }],
      expect: { 'the speed is plausible': { check: sql\`speed_kmh between 0 and 200\`, otherwise: 'quarantine' } },
    })`,
  )
}

test('a silver table goes back with its quarantine in one transaction, and is refreshed by what came since', async () => {
  await using lab = await openLab()
  const after = await rowsOf(lab)
  await back(lab, '--to', 'transaction:1', '--replay')
  assert.match(
    await lab.good(historyCommand, '--limit', '1'),
    / rollback to \d+ \(replay\) .* silver\.readings__quarantine, silver\.readings$/m,
  )
  const then = await rowsOf(lab)
  assert.notEqual(then[0], after[0])
  assert.notEqual(then[1], after[1])
  assert.match(await lab.good(planCommand), /^silver\.readings +keys /m)
  await lab.good(refreshCommand)
  assert.deepEqual(await rowsOf(lab), after)
})

test('what is skipped stays away from the quarantine, too, until it is rolled forward', async () => {
  await using lab = await openLab()
  const after = await rowsOf(lab)
  const [newest] = /\d{10,}/.exec(await lab.good(historyCommand, 'silver.readings', '--json')) ?? []
  await back(lab, '--to', 'transaction:1', '--skip')
  const then = await rowsOf(lab)
  assert.doesNotMatch(then.join(), /truck-9/)
  assert.match(await lab.good(planCommand), /^silver\.readings +skip /m)
  await arrive(lab, 12, 600)
  await lab.good(refreshCommand)
  const [rows, refused] = await rowsOf(lab)
  assert.equal(rows, then[0])
  assert.equal(refused?.match(/truck-9,.*/g)?.length, 1)
  await back(lab, '--to', newest ?? '', '--replay')
  assert.deepEqual(await rowsOf(lab), after)
})

test('the quarantine of a map table is empty again where nothing was in it yet', async () => {
  await using lab = await CommandLab.withLake()
  await declareMap(lab)
  await writeFile(join(lab.project, 'inbox', 'readings-2026-01-05.ndjson'), '')
  await writeFile(join(lab.project, 'inbox', 'readings-2026-01-06.ndjson'), '')
  await arrive(lab, 10, 50)
  await lab.good(refreshCommand)
  await arrive(lab, 11, 60)
  await arrive(lab, 12, 500)
  await lab.good(refreshCommand)
  const after = await rowsOf(lab)
  assert.equal(await lab.countOf(QUARANTINE), 1)
  for (const undone of ['--replay', '--skip']) {
    await back(lab, '--to', 'transaction:1', undone)
    assert.match(await lab.good(historyCommand, QUARANTINE), /delete/)
    assert.equal(await lab.countOf(QUARANTINE), 0)
    assert.equal(await lab.countOf('silver.readings'), 1)
    const plan = await lab.good(planCommand)
    assert.match(plan, undone === '--skip' ? /^silver\.readings +skip /m : /^silver\.readings +append /m)
    await lab.good(refreshCommand)
    if (undone === '--replay') assert.deepEqual(await rowsOf(lab), after)
  }
  assert.equal(await lab.countOf(QUARANTINE), 0)
})

test('a quarantine is not rolled back by itself, and what is undone has one fate', async () => {
  await using lab = await openLab()
  const before = await rowsOf(lab)
  const alone = await lab.refused(rollbackCommand, QUARANTINE, '--to', 'transaction:1', '--skip')
  assert.match(
    alone.text,
    /is the quarantine of silver\.readings\nit goes back along with: ingot rollback silver\.readings$/,
  )
  const to = ['silver.readings', '--to', 'transaction:1']
  const both = await lab.refused(rollbackCommand, ...to, '--skip', '--replay')
  assert.match(both.text, /either taken in again or stays away\ngive one of the two: --replay/)
  assert.match((await lab.refused(rollbackCommand, ...to)).text, /say what becomes of what is undone/)
  assert.deepEqual(await rowsOf(lab), before)
})
