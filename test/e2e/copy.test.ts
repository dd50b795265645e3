import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { POSTGRES_PASSWORD } from '../support/postgres-server.ts'
import { type CloudState, countObjects, variablesOf, withCloudState, withCloudTools } from './cloud-state.ts'
import { IngotProcess, ingot, runIngot, until } from './ingot-process.ts'
import { deliverReadings, makeReadingsProject, TOTALS, VEHICLES } from './readings-lake.ts'
import { withFolder } from './state.ts'

const ROWS = 3000
/** Which rows a second report corrects: few enough for deletes by position. */
const CORRECTED = [5, 700, 2999]

/** A lake with a past: rows that were corrected, a line that is none, a tag, a table put back. */
async function makeLake(project: string): Promise<void> {
  await makeReadingsProject(project)
  await deliverReadings(
    project,
    'a',
    Array.from({ length: ROWS }, (_, seq) => [seq, seq]),
  )
  await ingot(['run', '-p', project])
  await ingot(['tag', 'create', 'first', '--all', '-p', project])
  await deliverReadings(
    project,
    'b',
    CORRECTED.map(seq => [seq, 0]),
    'this is no JSON',
  )
  await ingot(['run', '-p', project])
  await deliverReadings(project, 'c', [[ROWS, -1]])
  await ingot(['run', '-p', project])
}

/** Of each table the number of rows, and the sum of their hashes. */
const DIGEST = [
  'bronze.readings',
  'silver.readings',
  'silver.readings__quarantine',
  'gold.totals',
  'system.files',
]
  .map(
    table =>
      `select '${table}' as name, count(*) as rows, sum(hash(t)::hugeint) as hashes from ${table} as t`,
  )
  .join(' union all ')

/** All that the lake answers, now and at its past, where `environment` says that it is; its root is written as ROOT. */
async function answersOf(
  project: string,
  root: string,
  environment: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const answers: string[] = []
  answers.push(await ingot(['query', DIGEST, '--json', '-p', project], { environment }))
  for (const at of ['first', 'transaction:1']) {
    answers.push(await ingot(['query', TOTALS, '--at', at, '--json', '-p', project], { environment }))
  }
  const history = await ingot(['history', '--json', '-p', project], { environment })
  assert.ok(history.includes(`"${root}/`), 'its files are below the root')
  answers.push(history.replaceAll(root, 'ROOT'))
  return answers
}

async function hashesIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const hashes: Record<string, string> = {}
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if ((await stat(path)).isFile()) {
      hashes[name] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    }
  }
  return hashes
}

/** What a run did with each table; a run that recomputes would find nothing of what was taken. */
async function runActions(project: string, environment: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const report = JSON.parse(await ingot(['run', '--json', '-p', project], { environment }))
  return Object.fromEntries(
    report.tables.map((table: { table: string; action: string }) => [table.table, table.action]),
  )
}

const inCloud = ({ root, endpoint, postgresUrl }: CloudState): string =>
  JSON.stringify({ storage: { root, s3: { endpoint } }, catalog: { postgresUrl } })

test(
  'a lake moves to S3 and PostgreSQL, killed on the way, goes on there, and comes back',
  withCloudTools,
  async () => {
    await withFolder(async folder => {
      await withCloudState(async state => {
        const project = join(folder, 'project')
        await makeLake(project)
        const here = await answersOf(project, `file://${project}/.ingot/lake`, {})
        const before = await hashesIn(join(project, '.ingot', 'lake'))
        const to = join(folder, 'cloud.json')
        await writeFile(to, inCloud(state))
        const copy = ['copy', '--to', to, '-p', project]
        const options = { environment: state.surroundings }

        // Each is killed as soon as it has copied something more than the one before.
        for (const files of [1, 20]) {
          await using killed = new IngotProcess(copy, options)
          await until(`${files} files in the bucket`, async () =>
            (await countObjects(state)) >= files ? true : undefined,
          )
          killed.signal('SIGKILL')
          assert.equal((await killed.ended).signal, 'SIGKILL')
        }
        const refused = await runIngot(['history', '--json', '-p', project], {
          environment: variablesOf(state),
        })
        assert.equal(refused.stdout.trim(), '[]', 'nothing is seen of a copy that is not whole')
        const finished = await runIngot(copy, options)
        assert.equal(finished.code, 0, finished.stderr)
        assert.match(finished.stderr, /^✓ silver\.readings {2}3,000 rows, equal on both sides$/m)
        for (const secret of [POSTGRES_PASSWORD, decodeURIComponent(POSTGRES_PASSWORD)]) {
          assert.ok(!`${finished.stdout}${finished.stderr}`.includes(secret))
        }
        assert.equal(JSON.parse(await ingot([...copy, '--json'], options)).copied.files, 0)
        assert.deepEqual(await answersOf(project, state.root, variablesOf(state)), here)
        assert.deepEqual(await hashesIn(join(project, '.ingot', 'lake')), before, 'the source is as it was')

        // It goes on there: nothing is taken twice, and only what changed is refreshed.
        await deliverReadings(project, 'd', [[ROWS + 1, 7]])
        const actions = await runActions(project, variablesOf(state))
        assert.deepEqual(actions, await runActions(project, {}), 'as the lake here does')
        const there = await answersOf(project, state.root, variablesOf(state))
        const totals = await ingot(['query', TOTALS, '--json', '-p', project], {
          environment: variablesOf(state),
        })
        assert.deepEqual(JSON.parse(totals), expectedTotals())

        const back = join(folder, 'back.json')
        const home = { storage: { root: join(folder, 'back') }, catalog: { file: join(folder, 'back.db') } }
        await writeFile(back, JSON.stringify(home))
        await ingot(['copy', '--to', back, '-p', project], { environment: variablesOf(state) })
        const returned = { INGOT_STORAGE_ROOT: home.storage.root, INGOT_CATALOG_FILE: home.catalog.file }
        assert.deepEqual(await answersOf(project, `file://${home.storage.root}`, returned), there)
        const again = await runActions(project, returned)
        assert.deepEqual([...new Set(Object.values(again))], ['skip'])
      })
    })
  },
)

/** Of all rows, as they were corrected, and the one that came after the copy. */
function expectedTotals(): unknown {
  const totals = Array.from({ length: VEHICLES }, (_, vehicle) => ({
    vehicle: `v${vehicle}`,
    readings: 0,
    speed: 0,
  }))
  const count = (seq: number, speed: number): void => {
    const total = totals[seq % VEHICLES] ?? assert.fail('there is such a vehicle')
    total.readings += 1
    total.speed += speed
  }
  for (let seq = 0; seq < ROWS; seq++) count(seq, CORRECTED.includes(seq) ? 0 : seq)
  count(ROWS + 1, 7)
  return totals
}
