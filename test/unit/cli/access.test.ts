import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRestCatalog } from '../../../src/catalog/rest-catalog.ts'
import { auditCommand } from '../../../src/cli/audit.ts'
import { grantCommand, revokeCommand } from '../../../src/cli/grant.ts'
import { roleCommand } from '../../../src/cli/role.ts'
import { tokenCommand } from '../../../src/cli/token.ts'
import { systemClock } from '../../../src/clock.ts'
import { loadConfig } from '../../../src/config.ts'
import { isIngotError } from '../../../src/errors.ts'
import { openPlatform } from '../../../src/platform.ts'
import { systemRandom } from '../../../src/random.ts'
import { createCatalogApp } from '../../../src/roles/catalog-app.ts'
import { serveHttp } from '../../../src/server/serve-http.ts'
import { SCHEMA } from '../../conformance/catalog-samples.ts'
import { CommandLab } from './command-lab.ts'

const TABLE = { namespace: ['gold'], name: 'sales' }

test('a token does what its role is granted, from its creation to its revocation', async () => {
  await using lab = await CommandLab.withLake()
  const create = async (...args: readonly string[]): Promise<string> =>
    JSON.parse(await lab.good(tokenCommand, 'create', ...args, '--json')).token
  const token = await create('ann', '--role', 'analyst', '--expires-in', '1d')
  const operator = await create('op', '--role', 'admin')
  await using platform = await openPlatform(
    loadConfig(lab.project, { INGOT_CATALOG_AUTHENTICATION: 'on', INGOT_LOG_LEVEL: 'silent' }),
  )
  const server = await serveHttp({ app: createCatalogApp(platform), port: 0, isAuthenticated: true })
  const as = (bearer: string) =>
    createRestCatalog({ url: server.url, clock: systemClock, random: systemRandom, token: bearer })
  try {
    await as(operator).createNamespace(['gold'])
    await as(operator).createTable({ identifier: TABLE, schema: SCHEMA })
    await assert.rejects(
      () => as(token).loadTable(TABLE),
      error => isIngotError(error, 'TABLE_NOT_FOUND'),
    )
    assert.match(await lab.good(grantCommand, 'read', 'gold.*', 'analyst'), /role analyst may read gold\.\*/)
    assert.equal((await as(token).loadTable(TABLE)).identifier.name, 'sales')
    await assert.rejects(
      () => as(token).dropTable(TABLE),
      error => isIngotError(error, 'FORBIDDEN') && /ann may not manage gold\.sales/.test(error.message),
    )
    await lab.good(revokeCommand, 'read', 'gold', 'analyst')
    assert.deepEqual(await as(token).listNamespaces(), [])
    assert.match(await lab.good(tokenCommand, 'revoke', 'ann'), /^revoked \S+ of ann$/m)
    await assert.rejects(
      () => as(token).listNamespaces(),
      error => isIngotError(error, 'NOT_AUTHENTICATED') && error.hint !== undefined,
    )
  } finally {
    await server.close()
  }
  const events = JSON.parse(await lab.good(auditCommand, '--json')).toReversed()
  assert.deepEqual(
    events.map(({ principal, action }: { principal?: string; action: string }) => [principal, action]),
    [
      [undefined, 'create-token'],
      [undefined, 'create-token'],
      ['op', 'create-namespace'],
      ['op', 'create-table'],
      [undefined, 'grant'],
      [undefined, 'revoke'],
      [undefined, 'revoke-token'],
    ],
  )
  assert.ok(!JSON.stringify(events).includes(token.slice(-10)))
})

test('access is managed where the store is, and nowhere else', async () => {
  await using lab = await CommandLab.open()
  await mkdir(lab.project)
  await writeFile(join(lab.project, 'ingot.json'), '{"catalog":{"url":"http://127.0.0.1:1"}}')
  const refused = await lab.refused(tokenCommand, 'list')
  assert.match(refused.text, /not managed through the catalog at http:.*\nrun this where/)
  await mkdir(join(lab.project, '.ingot'))
  await writeFile(join(lab.project, '.ingot', 'catalog.db'), '')
  assert.match(await lab.good(tokenCommand, 'list'), /there are no tokens/)
})

test('tokens, roles and the audit log are listed without secrets', async () => {
  await using lab = await CommandLab.withLake()
  const created = await lab.call(tokenCommand, 'create', 'etl', '--role', 'writer', '--role', 'reader')
  const token = created.out.trim()
  assert.match(token, /^ingot_[A-Za-z0-9-]+_[A-Za-z0-9-]+$/)
  assert.match(created.err, /for etl, as writer, reader; it is not shown again/)
  assert.match(created.err, /nothing is granted to writer yet/)
  await lab.good(grantCommand, 'write', 'silver.orders', 'writer')
  await lab.good(grantCommand, 'read', '*', 'reader')
  const secret = token.split('_').at(-1) ?? ''
  const tokens = await lab.good(tokenCommand, 'list')
  assert.match(tokens, /etl +writer, reader/)
  const roles = await lab.good(roleCommand, 'list')
  assert.match(roles, /admin +do everything/)
  assert.match(roles, /writer +write silver\.orders +etl/)
  assert.match(roles, /reader +read \* +etl/)
  const audit = await lab.good(auditCommand)
  assert.match(audit, /grant +write silver\.orders writer/)
  for (const text of [tokens, roles, audit]) assert.ok(!text.includes(secret))
  assert.equal(JSON.parse(await lab.good(auditCommand, '--json', '--limit', '1')).length, 1)
  assert.match(await lab.good(auditCommand, '--by', 'nobody'), /nothing was changed/)
})

test('what cannot be meant is refused, with what to write instead', async () => {
  await using lab = await CommandLab.withLake()
  const cases = [
    [tokenCommand, ['create', 'ann'], /--role/],
    [tokenCommand, ['create', 'ann', '--role', 'a b'], /role "a b"/],
    [tokenCommand, ['create', 'a\nb', '--role', 'x'], /principal "a\\nb"/],
    [tokenCommand, ['create', 'ann', '--role', 'x', '--expires-in', 'soon'], /--expires-in soon/],
    [tokenCommand, ['create'], /token create takes <principal>/],
    [tokenCommand, ['list', 'ann'], /token list takes no further arguments/],
    [tokenCommand, ['list', '--role', 'analyst'], /token list takes no --role/],
    [tokenCommand, ['revoke', 'ann'], /no token of ann/],
    [tokenCommand, ['make'], /create, list, revoke/],
    [grantCommand, ['own', 'silver', 'x'], /no privilege own/],
    [grantCommand, ['read', 'a..b', 'x'], /names no table/],
    [grantCommand, ['read', 'silver.order*', 'x'], /a \* that is no whole name/],
    [grantCommand, ['read', 'silver', 'admin'], /do everything/],
    [revokeCommand, ['read', 'silver', 'x'], /no grant to read silver\.\*/],
    [roleCommand, ['drop'], /role has no drop/],
  ] as const
  for (const [command, args, text] of cases) {
    const refused = await lab.refused(command, ...args)
    assert.equal(refused.code, 'REQUEST_INVALID')
    assert.match(refused.text, text)
  }
})
