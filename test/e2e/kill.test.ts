import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { type Random, randomFraction } from '../../src/random.ts'
import { createSeededRandom } from '../simulation/seeded-random.ts'
import { deliver, makeFlightsProject, writeFlightFiles } from './flights-project.ts'
import { IngotProcess, ingot, REPOSITORY } from './ingot-process.ts'
import { ALL_FLIGHTS, LAKE_DIGEST, PlainFlights } from './plain-flights.ts'
import { stateIn, withFolder } from './state.ts'

// `kill -9` of a run at instants that a seed spreads over how long one takes; SEED=… draws them again.

const SEED = Number(process.env.SEED ?? randomInt(1_000_000))
const KILLS = 9
const DAYS_PER_FILE = 2

interface Lake {
  readonly project: string
  readonly environment?: NodeJS.ProcessEnv
}

const run = ({ project }: Lake): string[] => ['run', '-p', project]

/** How long an undisturbed run takes here, in milliseconds, from the start of its process. */
async function timeRun(lake: Lake): Promise<number> {
  const started = performance.now()
  await ingot(run(lake), lake)
  return performance.now() - started
}

/** Resolves with whether the run still ran when it was killed. None of its engine's processes may outlive it. */
async function killAfter(ms: number, lake: Lake): Promise<boolean> {
  await using process = new IngotProcess(run(lake), lake)
  // This timer is the fault itself.
  await after(ms)
  process.signal('SIGKILL')
  const { signal } = await process.ended
  await process.untilGroupIsGone()
  return signal === 'SIGKILL'
}

async function query(sql: string, lake: Lake): Promise<unknown> {
  return JSON.parse(await ingot(['query', sql, '--json', '-p', lake.project], lake))
}

/** Every table holds what plain SQL makes of the files, and every file is recorded once. */
async function assertExact(lake: Lake, files: readonly string[], round: string): Promise<void> {
  using plain = await PlainFlights.open(files)
  assert.deepEqual(texts(await query(LAKE_DIGEST, lake)), texts(await plain.digest()), round)
  const [taken] = (await query(
    'select count(*)::integer as files, count(distinct source)::integer as sources from system.files',
    lake,
  )) as readonly unknown[]
  const count = files.length + 1
  assert.deepEqual(taken, { files: count, sources: count }, round)
}

/** Two ways to JSON differ in which integers they quote. */
const texts = (rows: unknown): unknown =>
  (rows as readonly object[]).map(row => Object.values(row).map(value => String(value)))

/** One instant in each of `count` equal parts of a run, drawn within it. */
function spreadInstants(random: Random, count: number, durationMs: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (durationMs * (index + randomFraction(random))) / count)
}

test('a first run that is killed leaves nothing, and the next one makes every table exact', async context => {
  const random = createSeededRandom(SEED)
  await withFolder(async folder => {
    const files = await writeFlightFiles(join(folder, 'files'), 18, DAYS_PER_FILE)
    const lakeIn = async (name: string): Promise<Lake> => {
      const project = join(folder, name)
      const inbox = await makeFlightsProject(project)
      for (const file of files) await deliver(file, inbox)
      return { project }
    }
    const undisturbed = await lakeIn('undisturbed')
    const durationMs = await timeRun(undisturbed)
    await assertExact(undisturbed, files, 'undisturbed')
    for (const [index, ms] of spreadInstants(random, KILLS, durationMs).entries()) {
      const lake = await lakeIn(`lake-${index}`)
      await killUntilItHits(context, ms, lake)
      await ingot(run(lake), lake)
      await assertExact(lake, files, `SEED=${SEED}, kill ${index} after ${ms} ms`)
    }
  })
})

test('a lake to which files come stays exact through kills of the runs that take them', async context => {
  const random = createSeededRandom(SEED + 1)
  await withFolder(async folder => {
    const files = await writeFlightFiles(join(folder, 'files'), DAYS_PER_FILE * (KILLS + 2), DAYS_PER_FILE)
    const lake: Lake = { project: join(folder, 'lake') }
    const inbox = await makeFlightsProject(lake.project)
    const [first = '', second = '', ...rest] = files
    await deliver(first, inbox)
    await ingot(run(lake), lake)
    await deliver(second, inbox)
    const durationMs = await timeRun(lake)
    const instants = spreadInstants(random, KILLS, durationMs)
    for (const [index, file] of rest.entries()) {
      await deliver(file, inbox)
      const ms = instants[index] ?? 0
      await killUntilItHits(context, ms, lake)
      await ingot(run(lake), lake)
      await assertExact(lake, files.slice(0, index + 3), `SEED=${SEED}, kill ${index} after ${ms} ms`)
    }
  })
})

test('a run over all 3,000,000 flights is killed twice, and the third is exact', async context => {
  const random = createSeededRandom(SEED + 2)
  await withFolder(async folder => {
    const example = join(REPOSITORY, 'examples', 'flights')
    const lakeIn = (name: string): Lake => ({ project: example, environment: stateIn(join(folder, name)) })
    const durationMs = await timeRun(lakeIn('undisturbed'))
    const lake = lakeIn('killed')
    for (const ms of spreadInstants(random, 2, durationMs)) await killUntilItHits(context, ms, lake)
    await ingot(run(lake), lake)
    await assertExact(lake, [ALL_FLIGHTS], `SEED=${SEED}`)
  })
})

/** A run that was over sooner has done its work, and is none the worse for it; the next one is killed in half the time. */
async function killUntilItHits(context: TestContext, ms: number, lake: Lake): Promise<void> {
  let afterMs = ms
  while (!(await killAfter(afterMs, lake))) afterMs /= 2
  context.diagnostic(`SEED=${SEED}: killed after ${Math.round(afterMs)} ms`)
}
