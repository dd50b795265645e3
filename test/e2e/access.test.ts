import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCertificate } from '../support/tls-certificate.ts'
import { IngotProcess, ingot, runIngot, until } from './ingot-process.ts'
import { withFolder } from './state.ts'

const LAKE = `import { bronze, files, gold, sql, t } from 'ingot'

export const readings = bronze('readings', { from: files('inbox/*.ndjson'), columns: { id: t.long() } })
export const totals = gold('totals', { query: sql\`select count(*) as readings from \${readings}\` })
`

test('a lake with authentication and TLS runs, answers those who have a token, and says who changed what', async () => {
  await withFolder(async folder => {
    const [project, elsewhere] = [join(folder, 'lake'), join(folder, 'elsewhere')]
    await mkdir(join(project, 'inbox'), { recursive: true })
    await mkdir(elsewhere)
    for (const each of [project, elsewhere]) await writeFile(join(each, 'lake.ts'), LAKE)
    await writeFile(join(project, 'inbox', '1.ndjson'), '{"id":1}\n{"id":2}\n')
    const { certificate, key } = await makeCertificate(folder)
    const trust = { NODE_EXTRA_CA_CERTS: certificate }
    const token = (await ingot(['token', 'create', 'ann', '--role', 'analyst', '-p', project])).trim()
    await ingot(['grant', 'read', 'gold.*', 'analyst', '-p', project])
    await using lake = new IngotProcess(['start', '-p', project], {
      environment: {
        ...trust,
        INGOT_CATALOG_AUTHENTICATION: 'on',
        INGOT_CATALOG_TLS_CERTIFICATE: certificate,
        INGOT_CATALOG_TLS_KEY: key,
        INGOT_HTTP_PORT: '0',
        INGOT_LOG_LEVEL: 'debug',
      },
    })
    const [, url = ''] = await lake.untilStderr(/catalog \(Iceberg REST\) at (https:\S+);/)
    const remote = { ...trust, INGOT_CATALOG_URL: url }
    const asAnn = { environment: { ...remote, INGOT_CATALOG_TOKEN: token } }

    const tables = await until('the first run', async () => {
      const listed = await ingot(['tables', '--json', '-p', elsewhere], asAnn)
      return listed.includes('gold') ? listed : undefined
    })
    assert.match(tables, /gold\.totals/)
    assert.ok(!tables.includes('bronze'), tables)
    assert.equal(await codeOf(['describe', 'bronze.readings', '-p', elsewhere], asAnn), 'TABLE_NOT_FOUND')
    assert.equal(await codeOf(['drop', 'gold.totals', '-p', elsewhere], asAnn), 'FORBIDDEN')
    const stranger = { environment: { ...remote, INGOT_CATALOG_TOKEN: `${token}x` } }
    assert.equal(await codeOf(['tables', '-p', elsewhere], stranger), 'NOT_AUTHENTICATED')
    assert.equal(await codeOf(['tables', '-p', elsewhere], { environment: remote }), 'NOT_AUTHENTICATED')

    const events = JSON.parse(await ingot(['audit', '--json', '-p', project]))
    const created = events.find(
      ({ action, target }: { action: string; target: { name?: string } }) =>
        action === 'create-table' && target.name === 'totals',
    )
    assert.equal(created?.principal, 'ingot')
    const secret = token.split('_').at(-1) ?? ''
    assert.ok(secret !== '' && !lake.stderr.includes(secret), 'no secret is logged')
    assert.ok(
      !/ingot_[A-Za-z0-9-]+_[A-Za-z0-9-]{20}/.test(lake.stderr),
      'not even that of the parts themselves',
    )
  })
})

async function codeOf(
  args: readonly string[],
  options: { readonly environment: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout } = await runIngot([...args, '--json'], options)
  return JSON.parse(stdout).error.code
}
