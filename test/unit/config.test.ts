import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { loadConfig } from '../../src/config.ts'
import { isIngotError } from '../../src/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'ingot-config-'))
const file = join(folder, 'ingot.json')
after(() => rmSync(folder, { recursive: true, force: true }))

/** The message and hint by which a configuration is refused. */
function refusal(settings: unknown, environment: NodeJS.ProcessEnv = {}): string {
  writeFileSync(file, JSON.stringify(settings))
  try {
    loadConfig(folder, environment)
  } catch (error) {
    assert.ok(isIngotError(error, 'CONFIG_INVALID'), String(error))
    return `${error.message}\n${error.hint}`
  } finally {
    rmSync(file)
  }
  return assert.fail('it is accepted')
}

test('what a variable says wins over the file, and both over the defaults', () => {
  writeFileSync(file, JSON.stringify({ engine: { workers: 3, threads: 2 }, http: { port: 9000 } }))
  const config = loadConfig(folder, { INGOT_ENGINE_WORKERS: '5', INGOT_HTTP_PORT: '', HOME: '/x' })
  rmSync(file)
  assert.deepEqual(
    [config.engine.workers, config.engine.threads, config.http.port, config.http.host, config.log.level],
    [5, 2, 9000, '127.0.0.1', undefined],
  )
})

test('a wrong variable is named with its value, and the file is not blamed', () => {
  const text = refusal({}, { INGOT_ENGINE_WORKERS: 'many', INGOT_HTTP_PORT: '70000' })
  assert.match(text, /^the configuration is not valid:\n {2}the variable INGOT_ENGINE_WORKERS is many: /)
  assert.match(text, /\n {2}the variable INGOT_HTTP_PORT is 70000: /)
  assert.doesNotMatch(text, /ingot\.json/)
})

test('a wrong key is named with its file', () => {
  const text = refusal({ engine: { workers: 0 } }, { INGOT_HTTP_PORT: '-1' })
  assert.match(text, /^the configuration is not valid \(.*ingot\.json\):\n/)
  assert.match(text, /\n {2}the key engine\.workers: /)
  assert.match(text, /\n {2}the variable INGOT_HTTP_PORT is -1: /)
})

test('an unknown variable is refused, with the one that may have been meant', () => {
  assert.match(
    refusal({}, { INGOT_ENGINE_WORKER: '2' }),
    /^there is no variable INGOT_ENGINE_WORKER\ndid you mean INGOT_ENGINE_WORKERS\? docs\/configuration\.md/,
  )
  assert.match(
    refusal({}, { INGOT_XYZ: '' }),
    /^there is no variable INGOT_XYZ\ndocs\/configuration\.md lists all$/,
  )
})

test('an unknown key is refused, with the one that may have been meant', () => {
  const text = refusal({ engin: {}, storage: { s3: { endpont: 'http://x', xyz: 1 } } })
  assert.match(text, /\n {2}there is no key engin: did you mean engine\?\n/)
  assert.match(text, /\n {2}there is no key storage\.s3\.endpont: did you mean storage\.s3\.endpoint\?\n/)
  assert.match(text, /\n {2}there is no key storage\.s3\.xyz\n/)
})

for (const host of ['0.0.0.0', '::', '192.168.1.4', 'example.org']) {
  test(`http.host ${host} needs authentication, before anything listens there`, () => {
    assert.match(refusal({ http: { host } }), /^http\.host .* is reachable .*authentication is off/)
    assert.match(refusal({}, { INGOT_HTTP_HOST: host }), /authentication is off\nmake a token with/)
    const open = { INGOT_HTTP_HOST: host, INGOT_CATALOG_AUTHENTICATION: 'on' }
    assert.equal(loadConfig(folder, open).http.host, host)
  })
}

test('tokens come by variables, never by the file', () => {
  const secrets = { INGOT_CATALOG_TOKEN: 'ingot_a_b', INGOT_CATALOG_SERVICE_TOKEN: '' }
  const { token, serviceToken } = loadConfig(folder, secrets).catalog
  assert.deepEqual([token, serviceToken], ['ingot_a_b', undefined])
  assert.match(refusal({ catalog: { token: 'ingot_a_b' } }), /there is no key catalog\.token\n/)
})

test('a certificate needs its key', () => {
  assert.match(refusal({}, { INGOT_CATALOG_TLS_CERTIFICATE: 'c.pem' }), /catalog\.tls\.key/)
  const both = { INGOT_CATALOG_TLS_CERTIFICATE: 'c.pem', INGOT_CATALOG_TLS_KEY: '/k.pem' }
  assert.deepEqual(loadConfig(folder, both).catalog.tls, {
    certificate: join(folder, 'c.pem'),
    key: '/k.pem',
  })
})

test('a worker’s memory is at least what the reference says', async () => {
  const reference = await readFile('docs/configuration.md', 'utf8')
  const [, least = ''] = /`engine\.memoryMb`.*at least (\d+) \(left out: at least 512\)/.exec(reference) ?? []
  assert.match(refusal({ engine: { memoryMb: Number(least) - 1 } }), /engine\.memoryMb/)
  assert.equal(
    loadConfig(folder, { INGOT_ENGINE_MEMORY_MB: least }).engine.memoryLimitBytes,
    Number(least) * 1024 * 1024,
  )
  assert.ok(loadConfig(folder, { INGOT_ENGINE_WORKERS: '256' }).engine.memoryLimitBytes >= 512 * 1024 * 1024)
})

test('the reference lists every variable with its key', async () => {
  const reference = await readFile('docs/configuration.md', 'utf8')
  const rows = [...reference.matchAll(/^\| `([a-z][a-zA-Z0-9.]+)` \| `(INGOT_[A-Z0-9_]+)` \|/gm)]
  assert.ok(rows.length >= 13, `${rows.length} rows were found`)
  for (const [, key = '', variable = ''] of rows) {
    const snake = key.replace(/[A-Z]/g, letter => `_${letter}`).replaceAll('.', '_')
    assert.equal(variable, `INGOT_${snake}`.toUpperCase())
    // A value that no key takes: it is refused by name, unless any text will do.
    const isText = [
      'root',
      'file',
      'region',
      'extensionFolder',
      'postgresUrl',
      'certificate',
      'key',
      'host',
    ].includes(key.split('.').at(-1) ?? '')
    if (!isText) assert.match(refusal({}, { [variable]: '~' }), new RegExp(`the variable ${variable} is ~: `))
  }
})

test('the storage is a folder or S3, and nothing else', () => {
  const rootOf = (root: string): string => loadConfig(folder, { INGOT_STORAGE_ROOT: root }).storage.root
  assert.equal(rootOf('lake'), `file://${join(folder, 'lake')}`)
  for (const root of ['file:///lake', 's3://bucket', 's3://my.bucket-1/a prefix/ünter/']) {
    assert.equal(rootOf(root), root)
  }
  for (const root of [
    's3://',
    's3://Bucket',
    's3://b/x',
    's3://bucket//x',
    's3://bucket/a?b',
    'gs://bucket/x',
  ]) {
    assert.match(
      refusal({ storage: { root } }),
      /^storage\.root is .*, which is neither a folder nor S3\n.*s3:/,
    )
  }
})

test('how S3 is spoken to can be said in the file and by variables, also key by key', () => {
  writeFileSync(file, JSON.stringify({ storage: { s3: { endpoint: 'http://127.0.0.1:9000', region: 'a' } } }))
  const { s3 } = loadConfig(folder, {
    INGOT_STORAGE_S3_REGION: 'eu-west-1',
    INGOT_STORAGE_S3_PATH_STYLE: 'false',
  }).storage
  rmSync(file)
  assert.deepEqual(s3, {
    endpoint: 'http://127.0.0.1:9000',
    region: 'eu-west-1',
    pathStyle: false,
    vending: undefined,
  })
})

test('engines get credentials when a role is named, of STS at the store unless it is elsewhere', () => {
  const roleArn = 'arn:aws:iam::123456789012:role/lakes/orders'
  const vendingWith = (environment: NodeJS.ProcessEnv) =>
    loadConfig(folder, { INGOT_STORAGE_S3_VENDING_ROLE_ARN: roleArn, ...environment }).storage.s3.vending
  assert.deepEqual(vendingWith({}), { roleArn, durationSeconds: 3600, stsEndpoint: undefined })
  const store = { INGOT_STORAGE_S3_ENDPOINT: 'http://127.0.0.1:9000' }
  assert.equal(vendingWith(store)?.stsEndpoint, 'http://127.0.0.1:9000')
  const changed = {
    INGOT_STORAGE_S3_VENDING_STS_ENDPOINT: 'https://sts.example.org',
    INGOT_STORAGE_S3_VENDING_DURATION_SECONDS: '900',
  }
  assert.deepEqual(vendingWith({ ...store, ...changed }), {
    roleArn,
    durationSeconds: 900,
    stsEndpoint: 'https://sts.example.org',
  })
  for (const [vending, reason] of [
    [{}, /storage\.s3\.vending\.roleArn/],
    [{ roleArn: 'lake' }, /the ARN of a role is expected/],
    [{ roleArn, durationSeconds: 60 }, /storage\.s3\.vending\.durationSeconds/],
    [{ roleArn, secretAccessKey: 'hunter2' }, /secretAccessKey/],
  ] as const) {
    const text = refusal({ storage: { s3: { vending } } })
    assert.match(text, reason)
    assert.doesNotMatch(text, /hunter2/)
  }
})

test('an endpoint takes no password, and the refusal does not repeat it', () => {
  const endpoint = 'https://user:hunter2@s3.example.org'
  for (const text of [
    refusal({}, { INGOT_STORAGE_S3_ENDPOINT: endpoint }),
    refusal({ storage: { s3: { endpoint } } }),
  ]) {
    assert.match(text, /without user, password or query/)
    assert.doesNotMatch(text, /hunter2/)
  }
})

test('the URL of PostgreSQL is in no refusal: it may hold a password', () => {
  const postgresUrl = 'mysql://ingot:hunter2/x@db.example.org/lake'
  for (const text of [
    refusal({}, { INGOT_CATALOG_POSTGRES_URL: postgresUrl }),
    refusal({ catalog: { postgresUrl } }),
  ]) {
    assert.match(text, /a URL that begins with postgresql:\/\/ is expected/)
    assert.doesNotMatch(text, /hunter2/)
  }
})

test('a file that is not JSON is quoted, unless a user may be in it', () => {
  const messageOf = (text: string): string => {
    writeFileSync(file, text)
    try {
      loadConfig(folder, {})
    } catch (error) {
      assert.ok(isIngotError(error, 'CONFIG_INVALID'), String(error))
      return inspect(error, { showHidden: true })
    } finally {
      rmSync(file)
    }
    return assert.fail('it is accepted')
  }
  assert.match(messageOf('{ "a": mend }'), /ingot\.json is not JSON: .*mend/)
  assert.doesNotMatch(
    messageOf('{ "catalog": "postgresql://ingot:hunter2@db/lake" mend }'),
    /hunter2|mend me/,
  )
})
