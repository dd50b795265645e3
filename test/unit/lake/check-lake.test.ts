// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are the code of projects
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkLake } from '../../../src/lake/check-lake.ts'
import { BRONZE_SYSTEM_COLUMNS } from '../../../src/lake/lake.ts'
import { loadProject } from '../../../src/lake/load-project.ts'
import { toSqlType } from '../../../src/table/sql-types.ts'
import {
  checkFiles,
  cleanTable,
  mistakesOf,
  READINGS,
  startEngine,
  type TestEngine,
  tableOf,
  withFolder,
} from './lake-project.ts'

describe('checkLake', () => {
  let started: TestEngine
  before(async () => {
    started = await startEngine()
  })
  after(() => started[Symbol.asyncDispose]())

  test('shows all mistakes of a project, in the order of the code', async () => {
    const code = `${READINGS}
export const a = silver('a', { query: sql\`select nothing from \${readings}\`, partitonBy: 'x' })
export const b = silver('b', { query: sql\`select vehicle, now() as n from \${readings}\`, key: 'vehicle' })
export const c = gold('c', { query: sql\`select n from \${b}\` })
`
    const { mistakes, message } = await mistakesOf(checkFiles(code, started.engine))
    assert.deepEqual(
      mistakes.map(({ site, cause }) => [site.line, cause.replace(/ (with|gives|has a key|depends).*/, '')]),
      [
        [7, 'silver table a has no option partitonBy'],
        [8, 'silver.b'],
        [8, 'now()'],
      ],
    )
    assert.match(message, /^the project has 3 mistakes\n\n/)
  })

  test('finds a circle, with its path', async () => {
    const code = `${READINGS}
export const a = silver('a', { query: sql\`select x.vehicle from silver.b x\` })
export const b = silver('b', { query: sql\`select vehicle from \${a}\` })
`
    const { mistakes } = await mistakesOf(checkFiles(code, started.engine))
    const circle = mistakes.find(({ cause }) => cause.includes('circle'))
    assert.equal(circle?.cause, 'the tables read one another in a circle: silver.a → silver.b → silver.a')
    assert.deepEqual(circle?.site, { file: 'lake.ts', line: 8, column: 63 })
    assert.match(circle?.fix ?? '', /take one of these references out/)
  })

  test('points into a fragment that is interpolated, in the file where it is written', async () => {
    const files = {
      'rules.ts': "import { sql } from 'ingot'\n\nexport const rule = sql`speed > 5`\n",
      'lake.ts': `import { rule } from './rules.ts'\n${cleanTable('select vehicle from ${readings} where ${rule}').replace('', READINGS)}`,
    }
    const { mistakes } = await mistakesOf(checkFiles(files, started.engine))
    assert.deepEqual(mistakes[0]?.site, { file: 'rules.ts', line: 3, column: 25 })
  })

  test('points past values, and into the right one of two templates in a line, with CRLF', async () => {
    const pair = "export const ok = silver('ok', { query: sql`select 1 as one` }); "
    const code = `${READINGS}${pair}${cleanTable("select vehicle from ${readings} where vehicle in ${['a', 'é}`']}\n and nothing = 1")}`
    const { mistakes } = await mistakesOf(checkFiles(code.replaceAll('\n', '\r\n'), started.engine))
    assert.match(mistakes[0]?.cause ?? '', /"nothing" not found/)
    assert.deepEqual(mistakes[0]?.site, { file: 'lake.ts', line: 7, column: 6 })
  })
})

describe('the lake of a right project', () => {
  let started: TestEngine
  before(async () => {
    started = await startEngine()
  })
  after(() => started[Symbol.asyncDispose]())

  test('gives the lake with inputs first, columns, inputs, and system columns bound to the first table', async () => {
    const code = `${READINGS}
export const airports = bronze('airports', { from: files('a.csv', { onChange: 'replace' }), description: 'where' })
export const clean = silver('readings', {
  query: sql\`select r.vehicle, r.at, sum(r.speed_kmh) as total from \${readings} r, \${airports} group by all -- all\`,
  key: ['vehicle'], orderBy: 'at', partitionBy: ['day(at)'],
  expect: { known: sql\`vehicle is not null\`, sane: { check: sql\`total > \${-1}\`, otherwise: 'drop' } },
})
export const last = silver('last', {
  query: sql\`select r.vehicle from \${readings} r join \${airports} a on true\`,
  key: 'vehicle', orderBy: '_ingested_at', deleteWhen: sql\`'é' = 'e' and _position > 5\`,
})
export const daily = gold('daily', {
  query: sql\`with c as (select * from \${clean}) select vehicle, count(*) as readings from c group by all\`,
})
export const mapped = gold('mapped', { from: daily, map: row => [row], version: 3, columns: { vehicle: t.string() } })
export * from './more.ts'
`
    const more = "import { clean } from './lake.ts'\nexport { clean as again }\n"
    const lake = await checkFiles({ 'lake.ts': code, 'more.ts': more }, started.engine)
    assert.deepEqual(
      lake.tables.map(({ identifier }) => `${identifier.namespace.join('.')}.${identifier.name}`),
      ['bronze.readings', 'bronze.airports', 'silver.readings', 'silver.last', 'gold.daily', 'gold.mapped'],
    )
    const clean = tableOf(lake, 'silver.readings')
    assert.ok(clean.kind === 'query')
    assert.deepEqual(
      clean.columns.map(({ name, type }) => [name, type]),
      [
        ['vehicle', 'string'],
        ['at', 'timestamp'],
        ['total', 'double'],
      ],
    )
    assert.deepEqual(
      clean.inputs.map(({ name }) => name),
      ['readings', 'airports'],
    )
    assert.match(clean.sql, /from "bronze"\."readings" r, "bronze"\."airports" group by all -- all\n$/)
    assert.deepEqual(
      clean.expectations.map(({ name, check, otherwise }) => [name, check, otherwise]),
      [
        ['known', 'vehicle is not null', 'warn'],
        ['sane', 'total > (-1)', 'drop'],
      ],
    )
    const last = tableOf(lake, 'silver.last')
    assert.ok(last.kind === 'query')
    assert.equal(last.orderBy, '"r"."_ingested_at"')
    assert.equal(last.deleteWhen, `'é' = 'e' and "r"._position > 5`)
    const mapped = tableOf(lake, 'gold.mapped')
    assert.ok(mapped.kind === 'map')
    assert.deepEqual([mapped.version, mapped.inputs], [3, [{ namespace: ['gold'], name: 'daily' }]])
    const airports = tableOf(lake, 'bronze.airports')
    assert.ok(airports.kind === 'bronze')
    const names = airports.columns.map(({ name }) => name)
    assert.deepEqual(names, ['payload', ...BRONZE_SYSTEM_COLUMNS.map(({ name }) => name)])
    const { declared, description, sources } = airports
    assert.deepEqual([declared, description, sources[0]?.site.line], [undefined, 'where', 7])
  })

  test('the engine’s worker runs the map of a loaded project', async () => {
    const code = `${READINGS}
const limit: number = 5
export const fast = silver('fast', {
  from: readings, version: 1, columns: { vehicle: t.string(), limit: t.int() },
  map: row => ((row.speed_kmh ?? 0) > limit ? [{ vehicle: row.vehicle, limit }] : []),
})
`
    await withFolder({ 'lake.ts': code }, async projectFolder => {
      const project = await loadProject({ projectFolder, cacheFolder: join(projectFolder, 'cache') })
      const { modulePath, tables } = await checkLake(project, started.engine)
      const table = tables.find(({ kind }) => kind === 'map')
      const rows = await started.engine.session({}, async session => {
        const columns = (table?.columns ?? []).map(({ name, type }) => ({ name, type: toSqlType(type) }))
        const sourceSql = "select * from (values ('a', 4.0::double), ('b', 6.0)) r(vehicle, speed_kmh)"
        await session.map({
          modulePath,
          exportName: table?.exportName ?? '',
          sourceSql,
          into: 'mapped',
          columns,
        })
        return (await session.query('select * from mapped')).rows
      })
      assert.deepEqual(rows, [['b', 5]])
    })
  })
})
