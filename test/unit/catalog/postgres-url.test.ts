import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describePostgresUrl, driverUrl } from '../../../src/catalog/postgres-url.ts'
import { isIngotError } from '../../../src/errors.ts'

test('a URL is shown without its password and its options', () => {
  const shown: Readonly<Record<string, string>> = {
    'postgresql://u:p%40ss@db.example:5433/lake?sslmode=verify-full&password=p%40ss':
      'postgresql://u@db.example:5433/lake',
    'postgres://db.example': 'postgresql://db.example',
    'postgresql:///lake?host=/run/postgresql&user=u&password=p%40ss':
      'postgresql:///lake?host=/run/postgresql',
    'postgresql://:p%40ss@[::1]/lake': 'postgresql://[::1]/lake',
  }
  for (const [url, expected] of Object.entries(shown)) assert.equal(describePostgresUrl(url), expected)
})

test('a URL that cannot be meant is refused without a word of it', () => {
  const wrong = [
    'no url, p@ss',
    'http://u:p@ss@db/lake',
    'postgresql://u:p#ss@db/lake',
    'postgresql://u:12#ss@db/lake',
    'postgresql://u:12/ss@db/lake',
    'postgresql://u:p%40ss@db/lake/other',
    'postgresql://u:p%40ss@db/lake?sslmode=verify_full',
    'postgresql://u:p%40ss@db/lake?sslmode=allow',
  ]
  for (const url of wrong) {
    try {
      driverUrl(url)
      assert.fail(`${url} was accepted`)
    } catch (error) {
      assert.ok(isIngotError(error, 'CONFIG_INVALID'), String(error))
      assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error.context)}`, /ss@|%40/)
      assert.equal(error.cause, undefined)
    }
  }
})

test('encryption checks the certificate unless the URL says by name that it need not', () => {
  const meant: Readonly<Record<string, string>> = {
    disable: 'disable',
    'no-verify': 'no-verify',
    prefer: 'verify-full',
    require: 'verify-full',
    'verify-ca': 'verify-full',
    'verify-full': 'verify-full',
  }
  for (const [mode, expected] of Object.entries(meant)) {
    const url = new URL(driverUrl(`postgresql://u@db/lake?sslmode=${mode}&sslrootcert=/a%20b/ca.pem`))
    assert.equal(url.searchParams.get('sslmode'), expected)
    assert.equal(url.searchParams.get('sslrootcert'), '/a b/ca.pem')
  }
  assert.equal(driverUrl('postgresql://u@db/lake'), 'postgresql://u@db/lake')
})
