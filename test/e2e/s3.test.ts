import assert from 'node:assert/strict'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { systemRandom } from '../../src/random.ts'
import { openS3Storage } from '../../src/storage/s3-storage.ts'
import { duckdbExtensionsTool, pathOf, skipWithout } from '../interop/interop-tools.ts'
import { MOTO, S3_CREDENTIALS, S3_REGION, S3Server } from '../support/s3-server.ts'
import { IngotProcess, REPOSITORY, runIngot } from './ingot-process.ts'
import { withFolder } from './state.ts'

const EXTENSIONS = await duckdbExtensionsTool()
const SKIP = skipWithout(await MOTO.tool(), EXTENSIONS)
const SESSION_TOKEN = 'FwoGZXIvYXdzEINGOTSESSIONTOKEN7'
const SECRETS = [S3_CREDENTIALS.secretAccessKey, SESSION_TOKEN] as const
/** Files of tables: whatever of these were on this machine would be lost with it. */
const TABLE_FILE = /\.(?:parquet|avro|metadata\.json|puffin)$/

const ONE_MORE =
  '{"vehicle":"van-1","measured_at":"2026-01-07T08:00:00","speed_kmh":51.5,"odometer_km":"120402.125"}\n'

/** Runs a command on a lake in a bucket; no command may tell a secret, whether it fails or not. */
type Run = (args: readonly string[], overrides?: NodeJS.ProcessEnv) => Promise<string>

test('configuration alone puts a lake on S3, with all its files, and runs are incremental there', SKIP, () =>
  withLake(async ({ project, root, server, run }) => {
    assert.equal(JSON.parse(await run(['run', '--json'])).transactionId, 1)
    const before = await countReadings(run)
    await writeFile(join(project, 'inbox', 'readings-2026-01-07.ndjson'), ONE_MORE)
    const second = JSON.parse(await run(['run', '--json']))
    assert.equal(second.transactionId, 2)
    const readings = second.tables.find((table: { table: string }) => table.table === 'bronze.readings')
    assert.equal(readings?.rowsAdded, 1)
    assert.equal(await countReadings(run), before + 1)
    assert.equal(JSON.parse(await run(['run', '--json'])).transactionId, undefined)

    const names = await readdir(project, { recursive: true })
    assert.deepEqual(
      names.filter(name => TABLE_FILE.test(name)),
      [],
    )
    const { io } = await openS3Storage({
      root,
      endpoint: server.endpoint,
      credentials: S3_CREDENTIALS,
      clock: systemClock,
      random: systemRandom,
    })
    let files = 0
    for await (const { location } of io.list(root)) {
      files += 1
      assertNoSecret(location, await io.read(location))
    }
    assert.ok(files > 20, `${files} files in the bucket`)
    for (const name of names) {
      const bytes = await readFile(join(project, name)).catch(() => Buffer.alloc(0))
      assertNoSecret(name, bytes)
    }
  }),
)

test('commands that fail on S3 tell why, and no secret', SKIP, () =>
  withLake(async ({ run }) => {
    const failures: readonly (readonly [RegExp, NodeJS.ProcessEnv])[] = [
      [/NoSuchBucket/, { INGOT_STORAGE_ROOT: 's3://not-there/lake' }],
      [/could not reach the storage/, { INGOT_STORAGE_S3_ENDPOINT: 'http://127.0.0.1:9' }],
      [/httpfs/, { INGOT_ENGINE_EXTENSION_FOLDER: '/nowhere' }],
    ]
    for (const [reason, overrides] of failures) assert.match(await run(['run'], overrides), reason)
  }),
)

test(
  'the catalog answers over HTTP with no secret of its own, and with those it vends where they are wished',
  SKIP,
  () =>
    withLake(async ({ project, environment, run }) => {
      await run(['run', '--json'])
      await using catalog = new IngotProcess(['start', '--role', 'catalog', '-p', project], {
        environment: {
          ...environment,
          INGOT_STORAGE_S3_VENDING_ROLE_ARN: 'arn:aws:iam::123456789012:role/lake',
          INGOT_HTTP_PORT: '0',
        },
      })
      const [, url = ''] = await catalog.untilStderr(/(http:\/\/127\.0\.0\.1:\d+)/)
      const answerTo = async (path: string, headers: Record<string, string> = {}): Promise<string> => {
        const answer = await fetch(`${url}/v1/${path}`, { headers })
        const text = `${JSON.stringify([...answer.headers])}${await answer.text()}`
        assertNoSecret(`the answer to ${path}`, Buffer.from(text))
        return text
      }
      const table = 'namespaces/silver/tables/readings'
      const wish = { 'x-iceberg-access-delegation': 'vended-credentials' }
      const wished = await Promise.all([answerTo(table, wish), answerTo(`${table}/credentials`)])
      const [, vended = ''] = /"s3\.secret-access-key":"([^"]{16,})"/.exec(wished[0]) ?? []
      assert.ok(vended !== '' && wished[1].includes(vended))
      const others = [
        'config',
        'namespaces',
        'namespaces/silver/tables',
        table,
        `${table}x`,
        'ingot/transactions',
      ]
      const texts = [
        ...(await Promise.all(others.map(path => answerTo(path)))),
        catalog.stdout,
        catalog.stderr,
      ]
      assertNoSecret('the log of the catalog', Buffer.from(catalog.stdout + catalog.stderr))
      assert.ok(texts.every(text => !text.includes(vended)))
    }),
)

interface Lake {
  readonly project: string
  readonly root: string
  readonly server: S3Server
  readonly environment: NodeJS.ProcessEnv
  readonly run: Run
}

/** The default template with its lake in a bucket. */
async function withLake(work: (lake: Lake) => Promise<void>): Promise<void> {
  await withFolder(async folder => {
    await using server = await S3Server.start(MOTO)
    const project = join(folder, 'project')
    await cp(join(REPOSITORY, 'templates', 'default'), project, { recursive: true })
    const root = `s3://${await server.createBucket()}/lakes/depot 1`
    const environment = {
      INGOT_STORAGE_ROOT: root,
      INGOT_STORAGE_S3_ENDPOINT: server.endpoint,
      INGOT_STORAGE_S3_REGION: S3_REGION,
      INGOT_ENGINE_EXTENSION_FOLDER: join(
        pathOf(EXTENSIONS),
        ...['duckdb_extension_httpfs', 'extensions', 'v1.5.5'],
      ),
      INGOT_LOG_LEVEL: 'debug',
      AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
      AWS_SESSION_TOKEN: SESSION_TOKEN,
    }
    const run: Run = async (args, overrides) => {
      const options = { environment: { ...environment, ...overrides } }
      const { code, stdout, stderr } = await runIngot([...args, '-p', project], options)
      assertNoSecret(`the output of ingot ${args.join(' ')}`, Buffer.from(stdout + stderr))
      assert.equal(code === 0, overrides === undefined, stderr)
      return code === 0 ? stdout : stderr
    }
    await work({ project, root, server, environment, run })
  })
}

async function countReadings(run: Run): Promise<number> {
  const rows = JSON.parse(await run(['query', 'select count(*) as n from silver.readings', '-f', 'json']))
  return Number(rows[0].n)
}

function assertNoSecret(where: string, bytes: Uint8Array): void {
  for (const secret of SECRETS) assert.ok(!Buffer.from(bytes).includes(secret), `${where} has a secret in it`)
}
