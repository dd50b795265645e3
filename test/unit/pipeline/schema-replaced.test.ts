import assert from 'node:assert/strict'
import { currentSchema } from '../../../src/format/schema.ts'
import { planRun } from '../../../src/pipeline/plan-run.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import { parseIdentifier } from '../../../src/table-identifier.ts'
import { describeLab, type LabChecks } from './lab-checks.ts'
import type { Declaration, PipelineLab } from './pipeline-lab.ts'

type Declarations = Readonly<Record<string, Declaration>>

const PEOPLE = { columns: { id: 'INTEGER', name: 'VARCHAR', town: 'VARCHAR', born: 'TIMESTAMP' } }
const ROWS = `SELECT * FROM (VALUES (1, 'ann', 'Bonn', TIMESTAMP '2000-01-01'), (2, 'bob', 'Rome', TIMESTAMP '2001-02-02'))
  AS v(id, name, town, born)`

function lake(silver: Declaration, more: Declarations = {}): Declarations {
  return { 'bronze.people': PEOPLE, 'silver.people': silver, ...more }
}

async function run(lab: PipelineLab, declarations: Declarations, fullRefresh: readonly string[] = []) {
  const report = await executeRun(lab.dependencies, await lab.declare(declarations), { fullRefresh })
  return Object.fromEntries(
    report.tables.map(({ table, action, reason, error }) => [
      table,
      error?.message ?? `${action}: ${reason}`,
    ]),
  )
}

/** Runs what the plan says is to be rebuilt, as its hint says, and asserts that nothing is left to do. */
async function rebuild(lab: PipelineLab, declarations: Declarations): Promise<readonly string[]> {
  const { tables } = await planRun(lab.dependencies, await lab.declare(declarations))
  const hint = tables.find(plan => plan.hint !== undefined)?.hint ?? assert.fail('no table must be rebuilt')
  const names = hint
    .replace('ingot run ', '')
    .split('--full-refresh ')
    .map(name => name.trim())
  const refreshed = names.filter(name => name !== '')
  const said = await run(lab, declarations, refreshed)
  for (const name of refreshed) assert.equal(said[name], 'full: a full refresh was asked for')
  const again = await run(lab, declarations)
  for (const said of Object.values(again)) assert.match(said, /^skip/)
  return refreshed
}

async function columns(lab: PipelineLab, name: string): Promise<Readonly<Record<string, number>>> {
  const { metadata } = await lab.context.catalog.loadTable(parseIdentifier(name))
  return Object.fromEntries(currentSchema(metadata).fields.map(field => [field.name, field.id]))
}

async function partitioning(lab: PipelineLab, name: string): Promise<readonly string[]> {
  const { metadata } = await lab.context.catalog.loadTable(parseIdentifier(name))
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])
  return spec?.fields.map(field => field.name) ?? []
}

const CHECKS: LabChecks = {
  'a bronze column was renamed, and with it what silver makes of it': async lab => {
    lab.load('bronze.people', ROWS)
    await run(lab, lake({ sql: 'select id, name, town from bronze.people' }))
    const before = await columns(lab, 'silver.people')
    const renamed: Declarations = {
      'bronze.people': { columns: { id: 'INTEGER', name: 'VARCHAR', city: 'VARCHAR' } },
      'silver.people': { sql: 'select id, name, city from bronze.people' },
    }
    await rebuild(lab, renamed)
    assert.deepEqual(await lab.rows('silver.people'), [
      '{"id":1,"name":"ann","city":null}',
      '{"id":2,"name":"bob","city":null}',
    ])
    assert.deepEqual(await columns(lab, 'silver.people'), { id: before.id, name: before.name, city: 4 })
  },

  'a bronze column was removed, and with it what silver makes of it': async lab => {
    lab.load('bronze.people', ROWS)
    const keyed = { key: ['id'], orderBy: 'name' }
    await run(lab, lake({ sql: 'select id, name, town from bronze.people', ...keyed }))
    const without: Declarations = {
      'bronze.people': { columns: { id: 'INTEGER', name: 'VARCHAR' } },
      'silver.people': { sql: 'select id, name from bronze.people', ...keyed },
    }
    await rebuild(lab, without)
    assert.deepEqual(await lab.rows('silver.people'), ['{"id":1,"name":"ann"}', '{"id":2,"name":"bob"}'])
    lab.load('bronze.people', "SELECT 2 AS id, 'bobby' AS name, 'Lyon' AS town, NULL AS born")
    assert.equal((await run(lab, without))['silver.people'], 'keys: by id')
    assert.deepEqual(await lab.rows('silver.people'), ['{"id":1,"name":"ann"}', '{"id":2,"name":"bobby"}'])
  },

  'a column by which the table was partitioned is gone': async lab => {
    lab.load('bronze.people', ROWS)
    await run(
      lab,
      lake({ sql: 'select id, name, town from bronze.people', partitionBy: ['town', 'bucket(4, id)'] }),
    )
    await rebuild(lab, lake({ sql: 'select id, name from bronze.people', partitionBy: ['bucket(4, id)'] }))
    assert.deepEqual(await lab.rows('silver.people'), ['{"id":1,"name":"ann"}', '{"id":2,"name":"bob"}'])
    assert.equal((await partitioning(lab, 'silver.people')).length, 1)
    await rebuild(lab, lake({ sql: 'select name, born from bronze.people', partitionBy: ['month(born)'] }))
    assert.deepEqual(await partitioning(lab, 'silver.people'), ['born_month'])
    assert.equal((await lab.rows('silver.people')).length, 2)
  },

  'columns change their types, one of them by which the table is partitioned; the key is another':
    async lab => {
      lab.load('bronze.people', ROWS)
      const first: Declaration = {
        sql: 'select id, name, born from bronze.people',
        ...{ key: ['id'], orderBy: 'name', partitionBy: ['id', 'day(born)'] },
      }
      const second: Declaration = {
        sql: 'select id::varchar as id, name, born::date as born from bronze.people',
        ...{ key: ['name'], orderBy: 'id', partitionBy: ['id', 'month(born)'] },
      }
      await run(lab, lake(first))
      const before = await columns(lab, 'silver.people')
      await rebuild(lab, lake(second))
      assert.deepEqual(await lab.rows('silver.people', 'id, name, born'), [
        '{"id":"1","name":"ann","born":"2000-01-01"}',
        '{"id":"2","name":"bob","born":"2001-02-02"}',
      ])
      const now = await columns(lab, 'silver.people')
      assert.deepEqual(
        [now.name, now.id === before.id, now.born === before.born],
        [before.name, false, false],
      )
      lab.load(
        'bronze.people',
        "SELECT 7 AS id, 'bob' AS name, 'Rome' AS town, TIMESTAMP '2007-07-07' AS born",
      )
      assert.equal((await run(lab, lake(second)))['silver.people'], 'keys: by name')
      assert.deepEqual(await lab.rows('silver.people', 'id, name'), [
        '{"id":"1","name":"ann"}',
        '{"id":"7","name":"bob"}',
      ])
      await rebuild(lab, lake(first))
      assert.equal((await lab.rows('silver.people')).length, 3)
    },

  'the table of refused rows follows': async lab => {
    lab.load('bronze.people', ROWS)
    const expect = { 'no bob': ["name <> 'bob'", 'quarantine'] } as const
    await run(lab, lake({ sql: 'select id, name, town from bronze.people', expect, partitionBy: ['town'] }))
    await rebuild(lab, lake({ sql: 'select id::bigint as id, name from bronze.people', expect }))
    assert.deepEqual(await lab.rows('silver.people__quarantine', 'id, name'), ['{"id":2,"name":"bob"}'])
    assert.equal('town' in (await columns(lab, 'silver.people__quarantine')), false)
  },

  'what reads the column must be rebuilt too, is named, and what does not is not': async lab => {
    const more: Declarations = {
      'gold.star': { sql: 'select * from silver.people' },
      'gold.towns': { sql: 'select town, count(*) as n from silver.people group by town' },
      'gold.names': { sql: 'select name, count(*) as n from silver.people group by name' },
    }
    lab.load('bronze.people', ROWS)
    await run(lab, lake({ sql: 'select id, name, town from bronze.people' }, more))
    const without = lake(
      { sql: 'select id, name from bronze.people' },
      { ...more, 'gold.towns': { sql: 'select id as town, count(*) as n from silver.people group by id' } },
    )
    assert.deepEqual(await rebuild(lab, without), ['silver.people', 'gold.star', 'gold.towns'])
    assert.deepEqual(await lab.rows('gold.towns', 'town, n'), ['{"town":1,"n":1}', '{"town":2,"n":1}'])
  },

  'a column was exchanged for one of another type: what groups by it is computed anew': async lab => {
    const more: Declarations = {
      'gold.ids': {
        sql: "select coalesce(id::varchar, '-') as id, count(*) as n from silver.people group by 1",
      },
    }
    lab.load('bronze.people', ROWS)
    await run(lab, lake({ sql: 'select id, name from bronze.people' }, more))
    const exchanged = lake({ sql: "select 'p' || id as id, name from bronze.people" }, more)
    const said = await run(lab, exchanged, ['silver.people'])
    assert.equal(said['gold.ids'], 'full: column id of silver.people is another one than it was made from')
    assert.deepEqual(await lab.rows('gold.ids'), ['{"id":"p1","n":1}', '{"id":"p2","n":1}'])
    assert.match((await run(lab, exchanged))['gold.ids'] ?? '', /^skip/)
  },
}

describeLab('a full refresh replaces the schema', CHECKS)
