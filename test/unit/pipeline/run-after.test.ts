import assert from 'node:assert/strict'
import type { Update } from '../../../src/format/metadata-types.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import type { TableReport } from '../../../src/pipeline/run-report.ts'
import { stageSchemaChange } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { parseIdentifier } from '../../../src/table-identifier.ts'
import { describeLab, type LabChecks } from './lab-checks.ts'
import { type Declaration, type PipelineLab, refusalIn } from './pipeline-lab.ts'

const EVENTS = { columns: { id: 'INTEGER', name: 'VARCHAR', ts: 'TIMESTAMP' } }
const BY_NAME: Declaration = { sql: 'select name, count(*) as n from bronze.events group by name' }
const LAKE: Readonly<Record<string, Declaration>> = {
  'bronze.events': EVENTS,
  'silver.plain': { sql: 'select id, name from bronze.events' },
  'silver.names': BY_NAME,
}

function events(...rows: readonly (readonly [id: number, name: string, at?: string])[]): string {
  const values = rows.map(([id, name, at = '2024-01-01']) => `(${id}, '${name}', TIMESTAMP '${at}')`)
  return `SELECT * FROM (VALUES ${values.join(', ')}) AS v(id, name, ts)`
}

function short({ action, reason }: TableReport): string {
  return reason === undefined ? action : `${action}: ${reason}`
}

/** Runs the lake and gives what was done with each table that is no bronze table. */
async function run(
  lab: PipelineLab,
  declarations: Readonly<Record<string, Declaration>>,
  options: Parameters<typeof executeRun>[2] = {},
): Promise<Readonly<Record<string, string>>> {
  const report = await executeRun(lab.dependencies, await lab.declare(declarations), options)
  for (const { error } of report.tables) assert.equal(error, undefined)
  const derived = report.tables.filter(({ table }) => !table.startsWith('bronze.'))
  return Object.fromEntries(derived.map(table => [table.table, short(table)]))
}

/** Runs the lake, of which one table must be refused, and gives why. */
async function refuse(
  lab: PipelineLab,
  declarations: Readonly<Record<string, Declaration>>,
): Promise<string> {
  return refusalIn(await executeRun(lab.dependencies, await lab.declare(declarations))).message
}

async function commit(lab: PipelineLab, name: string, updates: readonly Update[]): Promise<void> {
  const change = { identifier: parseIdentifier(name), requirements: [], updates }
  await lab.context.catalog.commit([change], { idempotencyKey: crypto.randomUUID() })
}

/** Removes all snapshots of a table but the newest, as expiry does. */
async function expire(lab: PipelineLab, name: string): Promise<void> {
  const newest = await lab.snapshotId(name)
  const { metadata } = await lab.context.catalog.loadTable(parseIdentifier(name))
  const ids = metadata.snapshots.map(snapshot => snapshot['snapshot-id']).filter(id => id !== newest)
  assert.ok(ids.length > 0)
  await commit(lab, name, [{ action: 'remove-snapshots', 'snapshot-ids': ids }])
}

const CHECKS: LabChecks = {
  'an input’s snapshot expired: all rows are computed anew': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await run(lab, LAKE)
    const gone = await lab.snapshotId('bronze.events')
    await lab.change('bronze.events', (staged, session) =>
      stageOverwrite(lab.context, session, staged, { all: true, select: events([2, 'b'], [3, 'b']) }),
    )
    await expire(lab, 'bronze.events')
    const reason = `full: snapshot ${gone} of bronze.events, which it was made from, is gone`
    assert.deepEqual(await run(lab, LAKE), { 'silver.plain': reason, 'silver.names': reason })
    assert.deepEqual(await lab.rows('silver.plain', 'id'), ['{"id":2}', '{"id":3}'])
    assert.deepEqual(await lab.rows('silver.names'), ['{"name":"b","n":2}'])
    assert.match((await run(lab, LAKE))['silver.plain'] ?? '', /^skip/)
  },

  'an input was dropped and made again: all rows are computed anew': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await run(lab, LAKE)
    await lab.context.catalog.dropTable(parseIdentifier('bronze.events'))
    lab.load('bronze.events', events([9, 'z']))
    const done = await run(lab, LAKE)
    assert.match(done['silver.plain'] ?? '', /^full: snapshot \d+ of bronze\.events/)
    assert.deepEqual(await lab.rows('silver.plain'), ['{"id":9,"name":"z"}'])
    assert.deepEqual(await lab.rows('silver.names'), ['{"name":"z","n":1}'])
  },

  'a table left the lake and came back: it catches up from where it was': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await run(lab, LAKE)
    const { 'silver.names': _, ...without } = LAKE
    lab.load('bronze.events', events([2, 'a']))
    assert.deepEqual(Object.keys(await run(lab, without)), ['silver.plain'])
    assert.deepEqual(await lab.rows('silver.names'), ['{"name":"a","n":1}'])
    assert.match((await run(lab, LAKE))['silver.names'] ?? '', /^keys/)
    assert.deepEqual(await lab.rows('silver.names'), ['{"name":"a","n":2}'])
  },

  'a column was widened in the code: the table keeps it, with all rows computed anew': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    const narrow: Declaration = { sql: 'select id, name from bronze.events', key: ['id'], orderBy: 'name' }
    const wide: Declaration = { ...narrow, sql: 'select id::bigint as id, name from bronze.events' }
    await run(lab, { 'bronze.events': EVENTS, 'silver.o': narrow })
    const refused = await refuse(lab, { 'bronze.events': EVENTS, 'silver.o': wide })
    assert.match(refused, /column id is computed in another way/)
    const before = await fieldIds(lab, 'silver.o')
    await run(lab, { 'bronze.events': EVENTS, 'silver.o': wide }, { fullRefresh: ['silver.o'] })
    assert.deepEqual(await fieldIds(lab, 'silver.o'), before)
    assert.deepEqual(await types(lab, 'silver.o'), ['long', 'string'])
    lab.load('bronze.events', events([1, 'b'], [2, 'c']))
    assert.match((await run(lab, { 'bronze.events': EVENTS, 'silver.o': wide }))['silver.o'] ?? '', /^keys/)
    assert.deepEqual(await lab.rows('silver.o'), ['{"id":1,"name":"b"}', '{"id":2,"name":"c"}'])
  },

  'a column got a type that it cannot be widened to: refused, and exchanged when asked for': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    const texts = (type: string): Readonly<Record<string, Declaration>> => ({
      'bronze.events': EVENTS,
      'silver.m': {
        from: 'bronze.events',
        map: `row => [{ id: ${type === 'VARCHAR' ? 'String(row.id)' : 'row.id'} }]`,
        columns: { id: type },
      },
    })
    await run(lab, texts('INTEGER'))
    const refused = await refuse(lab, texts('VARCHAR'))
    assert.match(refused, /column id is gone or of another type/)
    await run(lab, texts('VARCHAR'), { fullRefresh: ['silver.m'] })
    assert.deepEqual(await lab.rows('silver.m'), ['{"id":"1"}'])
  },

  'the partitioning changed in the code: files from then on follow it, and keys are replaced in old and new':
    async lab => {
      lab.load('bronze.events', events([1, 'a'], [2, 'b']))
      const keyed = { sql: 'select id, name, ts from bronze.events', key: ['id'], orderBy: 'ts' }
      const first = { 'bronze.events': EVENTS, 'silver.o': { ...keyed, partitionBy: ['bucket(4, id)'] } }
      const second = { 'bronze.events': EVENTS, 'silver.o': { ...keyed, partitionBy: ['name', 'day(ts)'] } }
      await run(lab, first)
      lab.load('bronze.events', events([1, 'c', '2024-01-02']))
      assert.match((await run(lab, second))['silver.o'] ?? '', /^keys/)
      lab.load('bronze.events', events([2, 'c', '2024-01-03'], [1, 'd', '2024-01-04']))
      await run(lab, second)
      assert.deepEqual(await lab.rows('silver.o', 'id, name'), ['{"id":1,"name":"d"}', '{"id":2,"name":"c"}'])
      const { metadata } = await lab.context.catalog.loadTable(parseIdentifier('silver.o'))
      const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])
      assert.deepEqual(
        spec?.fields.map(({ transform }) => transform),
        ['identity', 'day'],
      )
    },

  'somebody else took a column away: all rows are computed anew, none keeps nulls': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await run(lab, LAKE)
    await lab.change('silver.plain', async staged =>
      stageSchemaChange(staged, [{ type: 'drop', path: ['name'] }]),
    )
    lab.load('bronze.events', events([2, 'b']))
    assert.equal((await run(lab, LAKE))['silver.plain'], 'full: its columns were changed by somebody else')
    assert.deepEqual(await lab.rows('silver.plain', 'id, name'), [
      '{"id":1,"name":"a"}',
      '{"id":2,"name":"b"}',
    ])
  },

  'somebody else widened a column: all rows are computed anew, none keeps nulls': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await run(lab, LAKE)
    await lab.change('silver.plain', async staged =>
      stageSchemaChange(staged, [{ type: 'widen', path: ['id'], to: 'long' }]),
    )
    lab.load('bronze.events', events([2, 'b']))
    await run(lab, LAKE)
    assert.deepEqual(await lab.rows('silver.plain', 'id, name'), [
      '{"id":1,"name":"a"}',
      '{"id":2,"name":"b"}',
    ])
  },

  'an expectation changed or went: refused until it is asked for': async lab => {
    lab.load('bronze.events', events([1, 'a'], [2, 'b']))
    const lake = (check?: string): Readonly<Record<string, Declaration>> => ({
      'bronze.events': EVENTS,
      'silver.o': {
        sql: 'select id, name from bronze.events',
        ...(check === undefined ? {} : { expect: { small: [check, 'quarantine'] } }),
      },
    })
    await run(lab, lake('id < 2'))
    for (const next of [lake('id < 3'), lake()])
      assert.match(await refuse(lab, next), /expectation 'small' is another or gone/)
    await run(lab, lake(), { fullRefresh: ['silver.o'] })
    assert.equal((await lab.rows('silver.o')).length, 2)
    assert.deepEqual(await lab.rows('silver.o__quarantine'), [])
  },

  'keys are infinite times, and times before 1970: the files that hold them are found': async lab => {
    const sql = "select date_trunc('day', ts) as day, count(*) as n from bronze.events group by day"
    const lake = { 'bronze.events': EVENTS, 'gold.days': { sql } }
    const times = ['infinity', '-infinity', '1969-12-31 23:00', '2024-01-01']
    for (const [round, time] of [...times, ...times].entries()) {
      lab.load('bronze.events', events([round, 'a', time]))
      await run(lab, lake)
    }
    assert.deepEqual(await lab.rows('gold.days', 'day::varchar as day, n'), [
      '{"day":"-infinity","n":2}',
      '{"day":"1969-12-31 00:00:00","n":2}',
      '{"day":"2024-01-01 00:00:00","n":2}',
      '{"day":"infinity","n":2}',
    ])
  },
}

async function fieldIds(lab: PipelineLab, name: string): Promise<readonly number[]> {
  const { metadata } = await lab.context.catalog.loadTable(parseIdentifier(name))
  return metadata.schemas.at(-1)?.fields.map(({ id }) => id) ?? []
}

async function types(lab: PipelineLab, name: string): Promise<readonly unknown[]> {
  const { metadata } = await lab.context.catalog.loadTable(parseIdentifier(name))
  return metadata.schemas.at(-1)?.fields.map(({ type }) => type) ?? []
}

describeLab('executeRun, after', CHECKS)
