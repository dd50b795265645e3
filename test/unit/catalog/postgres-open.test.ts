import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect, promisify } from 'node:util'
import { createPostgresStore } from '../../../src/catalog/postgres-store.ts'
import { type ErrorCode, isIngotError } from '../../../src/errors.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { openPostgresFixture, sharedPostgres, withPostgres } from '../../support/postgres-fixture.ts'
import { POSTGRES_PASSWORD, PostgresServer } from '../../support/postgres-server.ts'

const execute = promisify(execFile)
const NOBODY_LISTENS = 'postgresql://127.0.0.1:1/lake'

test('postgres store: what cannot be opened is said, with what to do', withPostgres, async () => {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const wrongPassword = server.url(database).replace(POSTGRES_PASSWORD, 'wrong')
  await refused(wrongPassword, { message: /password authentication failed/, hint: /PGPASSWORD/ })
  await refused(server.url('missing'), { message: /"missing" does not exist/, hint: /createdb/ })
  await refused(NOBODY_LISTENS, { message: /ECONNREFUSED/, hint: /runs there/, retryable: true })
  await refused('postgresql://localhost:1/lake', { message: /ECONNREFUSED/, retryable: true })
  await refused(`${server.url(database)}?sslmode=require`, {
    message: /does not support SSL/,
    retryable: true,
  })
  await refused(`${server.url(database)}?sslmode=verify-full&sslrootcert=/no/file`, { message: /ENOENT/ })
  await refused('postgresql:/', { message: /cannot be used/ })
})

test('postgres store: a role that may create no tables is told what it needs', withPostgres, async () => {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  await server.query(database, `create role guest_${database} login password 'guest'`)
  const guest = server.url(database).replace(`ingot:${POSTGRES_PASSWORD}`, `guest_${database}:guest`)
  await refused(guest, { message: /permission denied/, hint: /CREATE on the schema/ })
  await server.query(database, `grant create on schema public to guest_${database}`)
  await (await createPostgresStore({ url: guest })).close()
  await server.query(database, `drop owned by guest_${database}; drop role guest_${database}`)
})

test('postgres store: a database that is not in UTF-8 is refused', withPostgres, async () => {
  const server = await sharedPostgres()
  const url = server.url(await server.createDatabase('LATIN1'))
  await refused(url, { code: 'CONFIG_INVALID', message: /LATIN1/ })
})

test('postgres store: no error and no log line holds the password', withPostgres, async () => {
  const fixture = await openPostgresFixture()
  const store = await fixture.open()
  const { server, database, url } = fixture
  await server.query(database, 'drop table pointers')
  const wrong = [
    store.tables(['n']),
    createPostgresStore({ url: url.replace('ingot:', 'other:') }),
    createPostgresStore({ url: server.url('missing') }),
    createPostgresStore({ url: server.url(database, { port: 1 }) }),
    createPostgresStore({ url: `${url}?sslmode=verify-full` }),
    createPostgresStore({ url: `${url}?sslmode=wrong` }),
    createPostgresStore({ url: `${url}/more` }),
    createPostgresStore({ url: url.replace('127.0.0.1', '[::') }),
  ]
  const errors = await Promise.all(wrong.map(promise => promise.then(() => assert.fail('it failed'), keep)))
  const written: string[] = []
  const log = createLog({ level: 'debug', stream: { write: line => written.push(line) } })
  for (const error of errors) log.error({ err: error, error }, 'failed')
  assert.equal(written.length, wrong.length)
  const seen = errors.map(error => inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }))
  assert.equal(errors.filter(error => isIngotError(error)).length, wrong.length)
  for (const text of [...seen, ...written]) {
    for (const secret of [POSTGRES_PASSWORD, decodeURIComponent(POSTGRES_PASSWORD)]) {
      assert.ok(!text.includes(secret), text)
    }
  }
  await fixture.dispose()
})

test('postgres store: the password may come from PGPASSWORD or a password file', withPostgres, async () => {
  const server = await sharedPostgres()
  const url = server.url(await server.createDatabase(), { password: false })
  const password = decodeURIComponent(POSTGRES_PASSWORD)
  const folder = await mkdtemp(join(tmpdir(), 'ingot-pgpass-'))
  const file = join(folder, 'pgpass')
  await writeFile(file, `127.0.0.1:${server.port}:*:ingot:${password}\n`)
  await chmod(file, 0o600)
  try {
    await withEnvironment({ PGPASSWORD: password }, async () => (await createPostgresStore({ url })).close())
    await withEnvironment({ PGPASSFILE: file }, async () => (await createPostgresStore({ url })).close())
    await withEnvironment({ PGPASSFILE: join(folder, 'none') }, () =>
      refused(url, { message: /password/, hint: /pgpass/ }),
    )
    await chmod(file, 0o640)
    await withEnvironment({ PGPASSFILE: file }, () =>
      refused(url, { code: 'CONFIG_INVALID', message: /read by others/ }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('postgres store: TLS checks who answers', withPostgres, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-tls-'))
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const subject = ['-subj', '/CN=ingot', '-addext', 'subjectAltName=IP:127.0.0.1']
    const files = ['-keyout', key, '-out', certificate]
    await execute('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files])
    await using server = await PostgresServer.start({ certificate, key })
    const database = await server.createDatabase()
    const trusting = `${server.url(database)}?sslrootcert=${certificate}`
    await refused(`${server.url(database)}?sslmode=require`, { message: /self-signed certificate/ })
    for (const mode of ['require', 'verify-full']) {
      await (await createPostgresStore({ url: `${trusting}&sslmode=${mode}` })).close()
    }
    const other = trusting.replace('127.0.0.1', 'localhost')
    await refused(`${other}&sslmode=verify-full`, { message: /altnames/ })
    await (await createPostgresStore({ url: `${server.url(database)}?sslmode=no-verify` })).close()
  } finally {
    await rm(folder, { recursive: true })
  }
})

interface Refusal {
  readonly code?: ErrorCode
  readonly message: RegExp
  readonly hint?: RegExp
  readonly retryable?: boolean
}

async function refused(url: string, expected: Refusal): Promise<void> {
  const error = await createPostgresStore({ url }).then(() => assert.fail('it was opened'), keep)
  if (!isIngotError(error, expected.code ?? 'CATALOG_UNAVAILABLE')) throw error
  assert.match(error.message, expected.message)
  assert.match(error.hint ?? '', expected.hint ?? /./)
  if (expected.retryable !== undefined) assert.equal(error.retryable, expected.retryable)
}

function keep(error: unknown): unknown {
  return error
}

async function withEnvironment(variables: Readonly<Record<string, string>>, work: () => Promise<void>) {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  try {
    await work()
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}
