import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedPostgres, withPostgres } from '../support/postgres-fixture.ts'
import { POSTGRES_PASSWORD } from '../support/postgres-server.ts'
import { IngotProcess, type IngotResult, ingot, runIngot, until } from './ingot-process.ts'
import { withFolder } from './state.ts'

const TOTALS = 'select count(*)::integer as days from gold.depot_days'

/** A project of `ingot init`, whose catalog is in a database of its own by variables alone. */
async function withLakeOnPostgres(
  work: (project: string, environment: NodeJS.ProcessEnv, database: string) => Promise<void>,
): Promise<void> {
  const server = await sharedPostgres()
  await withFolder(async folder => {
    const project = join(folder, 'lake')
    await ingot(['init', project])
    const database = await server.createDatabase()
    await work(project, { INGOT_CATALOG_POSTGRES_URL: server.url(database), INGOT_HTTP_PORT: '0' }, database)
  })
}

function assertNoPassword(...results: readonly Pick<IngotResult, 'stdout' | 'stderr'>[]): void {
  for (const { stdout, stderr } of results) {
    for (const secret of [POSTGRES_PASSWORD, decodeURIComponent(POSTGRES_PASSWORD)]) {
      assert.ok(!`${stdout}${stderr}`.includes(secret), `${stdout}${stderr}`)
    }
  }
}

test(
  'a lake runs on PostgreSQL by variables alone, and nothing tells the password',
  withPostgres,
  async () => {
    const server = await sharedPostgres()
    await withLakeOnPostgres(async (project, environment, database) => {
      const call = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<IngotResult> =>
        runIngot([...args, '-p', project], { environment: { ...environment, ...more } })
      const started = await call(['start', '--once'], { INGOT_LOG_LEVEL: 'debug' })
      assert.equal(started.code, 0, started.stderr)
      assert.deepEqual(await server.query(database, 'select count(*) from transactions'), ['1'])
      const rows = await call(['query', TOTALS, '--json'])
      assert.ok(JSON.parse(rows.stdout)[0].days > 0, rows.stdout)
      await assert.rejects(readFile(join(project, '.ingot', 'catalog.db')), { code: 'ENOENT' })

      const doctor = await call(['doctor', '--json'])
      const catalog = JSON.parse(doctor.stdout).findings.find(
        (each: { check: string }) => each.check === 'catalog',
      )
      assert.match(
        catalog.detail,
        new RegExp(
          `^PostgreSQL \\d+\\S* .*, postgresql://ingot@127\\.0\\.0\\.1:${server.port}/${database}, answers: schema \\d+ \\(tables, `,
        ),
      )
      const away = { INGOT_CATALOG_POSTGRES_URL: server.url(database, { port: 1 }) }
      const failed = await call(['doctor'], away)
      assert.equal(failed.code, 1)
      assert.match(failed.stdout, /^✗ catalog +postgresql:\/\/ingot@127\.0\.0\.1:1\/\S+ cannot be used/m)
      const unreachable = await call(['tables', '--json'], away)
      assert.equal(JSON.parse(unreachable.stdout).error.code, 'CATALOG_UNAVAILABLE')
      const wrong = await call(['tables'], { INGOT_CATALOG_POSTGRES_URL: `${server.url(database)}/more` })
      assert.equal(wrong.code, 2, wrong.stderr)
      assertNoPassword(started, rows, doctor, failed, unreachable, wrong)
    })
  },
)

test('the pipeline is told where the catalog is, and nothing of its store', withPostgres, async t => {
  if (process.platform !== 'linux') return t.skip('the environment of a process is read from /proc')
  await withLakeOnPostgres(async (project, environment) => {
    const given = { ...environment, PGAPPNAME: 'ingot-of-the-test' }
    await using supervisor = new IngotProcess(['start', '-p', project], { environment: given })
    const [, pid = ''] = await supervisor
      .untilStderr(/"role":"pipeline".*"pid":(\d+)|pipeline runs as process (\d+)/)
      .then(match => [match[0], match[1] ?? match[2]])
    await until('a run', async () => {
      const { stdout } = await runIngot(['query', TOTALS, '--json', '-p', project], { environment })
      return stdout.startsWith('[') ? true : undefined
    })
    const seen = (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0')
    const names = seen.map(entry => entry.replace(/=.*/s, ''))
    assert.deepEqual(
      names.filter(name => /^(PG|INGOT_CATALOG_(FILE|POSTGRES))/.test(name)),
      [],
    )
    assert.ok(names.includes('INGOT_CATALOG_URL'), names.join(' '))
    supervisor.signal('SIGTERM')
    assert.deepEqual(await supervisor.ended, { code: 0, signal: null })
    assertNoPassword(supervisor)
  })
})
