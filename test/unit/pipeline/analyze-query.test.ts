import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { prepareQuery, type RefreshQueries } from '../../../src/pipeline/prepare-query.ts'
import { formatIdentifier } from '../../../src/table-identifier.ts'
import { openInProcessSession } from './in-process-session.ts'
import {
  createSampleTables,
  declareSample,
  INCREMENTAL_QUERIES,
  RECOMPUTED_QUERIES,
  SAMPLE_TABLES,
  type SampleQuery,
  sampleColumns,
} from './sample-queries.ts'
import { TRICKY_INCREMENTAL, TRICKY_RECOMPUTED } from './tricky-queries.ts'

/** The query, and where its recomputation leaves out the rows of other keys. */
const RESTRICTED: readonly (readonly [string, RegExp])[] = [
  [
    'select r.n, v.model, max(speed) as s from bronze.readings r join bronze.vehicles v using (vehicle) group by all',
    /AS r INNER JOIN bronze\.vehicles AS v USING \(vehicle\) SEMI JOIN ingot_keys ON/,
  ],
  [
    'select r.n, min(v.model) as m from bronze.readings r left join bronze.vehicles v using (vehicle) group by r.n',
    /bronze\.readings AS r SEMI JOIN ingot_keys ON .* LEFT JOIN bronze\.vehicles AS v/,
  ],
  [
    'select v.model, sum(n) as s from bronze.readings r left join bronze.vehicles v using (vehicle) group by v.model',
    /LEFT JOIN bronze\.vehicles AS v USING \(vehicle\) SEMI JOIN ingot_keys ON/,
  ],
  [
    'select v.model, sum(n) as s from bronze.readings r join bronze.vehicles v using (vehicle) group by v.model',
    /INNER JOIN .*bronze\.vehicles AS v SEMI JOIN ingot_keys ON/,
  ],
]

/** The query, and of each input that it reads the columns. */
const READS: readonly (readonly [SampleQuery, Readonly<Record<string, string>>])[] = [
  [{ sql: 'select vehicle from bronze.readings where n > 1' }, { 'bronze.readings': 'n vehicle' }],
  [{ sql: 'select 1 as one from bronze.readings' }, { 'bronze.readings': '' }],
  [
    { sql: 'select * exclude (_source, _position), speed * 2 as twice from bronze.readings' },
    { 'bronze.readings': '_source_partition n seen speed tags vehicle' },
  ],
  [
    { sql: 'select * exclude (speed, tags) from bronze.readings where speed > 1' },
    { 'bronze.readings': '_position _source _source_partition n seen speed vehicle' },
  ],
  [
    { sql: 'select r.n, v.model from bronze.readings r left join bronze.vehicles v using (vehicle)' },
    { 'bronze.readings': 'n vehicle', 'bronze.vehicles': 'model vehicle' },
  ],
  [
    {
      sql: 'select r.*, v.model from bronze.readings r left join bronze.vehicles v on v.depot = r._source',
    },
    { 'bronze.readings': 'all', 'bronze.vehicles': 'depot model' },
  ],
  [
    { sql: 'select r.n, v.model from bronze.readings r natural join bronze.vehicles v' },
    { 'bronze.readings': 'all', 'bronze.vehicles': 'all' },
  ],
  [{ sql: 'select v.b from bronze.vehicles v(a, b)' }, { 'bronze.vehicles': 'all' }],
  [{ sql: 'select to_json(v) as j from bronze.vehicles v' }, { 'bronze.vehicles': 'all' }],
  [{ sql: "select COLUMNS('m.*') from bronze.vehicles" }, { 'bronze.vehicles': 'all' }],
  [
    {
      sql: 'with v as (select * from bronze.vehicles where depot is null) select v.model as m, length(m) as l from v',
    },
    { 'bronze.vehicles': 'all' },
  ],
  [
    { sql: 'select q.m from (select model as m, depot from bronze.vehicles) q' },
    { 'bronze.vehicles': 'depot model' },
  ],
  [
    { sql: 'select vehicle, count(*) as c from bronze.readings group by vehicle having max(n) > 1' },
    { 'bronze.readings': 'n vehicle' },
  ],
  [
    {
      sql: 'select vehicle, n from bronze.readings',
      key: ['vehicle'],
      orderBy: 'seen',
      deleteWhen: 'speed > 1',
    },
    { 'bronze.readings': '_position _source _source_partition n seen speed vehicle' },
  ],
  [
    { sql: 'select vehicle, lag(n) over (partition by vehicle order by seen) as l from bronze.readings' },
    { 'bronze.readings': 'n seen vehicle' },
  ],
]

describe('analyzeQuery', () => {
  let session: Awaited<ReturnType<typeof openInProcessSession>>
  before(async () => {
    session = await openInProcessSession()
    await createSampleTables(session)
  })
  after(() => session.close())

  const prepare = async (sample: SampleQuery): Promise<RefreshQueries> =>
    (await prepareQuery(session, await declareSample(session, sample), sampleColumns)).queries

  for (const sample of [...INCREMENTAL_QUERIES, ...TRICKY_INCREMENTAL]) {
    it(`${sample.expected}: ${sample.sql}${sample.key ? ` key ${sample.key}` : ''}`, async () => {
      const queries = await prepare(sample)
      const keys = queries.strategy === 'keys' ? ` ${queries.keyColumns.join(', ')}` : ''
      assert.equal(queries.strategy + keys, sample.expected, queries.reason)
    })
  }

  for (const sample of [...RECOMPUTED_QUERIES, ...TRICKY_RECOMPUTED]) {
    it(`full, ${sample.reason}: ${sample.sql.replaceAll('\n', ' ')}`, async () => {
      const queries = await prepare(sample)
      assert.equal(queries.strategy, 'full', queries.reason)
      assert.ok(queries.reason.includes(sample.reason), queries.reason)
    })
  }

  for (const [sql, place] of RESTRICTED) {
    it(`leaves out rows of other keys as soon as it can: ${sql}`, async () => {
      const queries = await prepare({ sql })
      assert(queries.strategy === 'keys')
      assert.match(queries.recomputed, place)
    })
  }

  for (const [sample, expected] of READS) {
    it(`reads ${Object.values(expected).join('; ')}: ${sample.sql}`, async () => {
      const table = await declareSample(session, sample)
      const { queries } = await prepareQuery(session, table, sampleColumns)
      assert.ok(queries.strategy !== 'full', queries.reason)
      const reads = table.inputs.map((identifier, input) => {
        const read = queries.reads.get(input) ?? 'all'
        const whole = Object.keys(SAMPLE_TABLES[formatIdentifier(identifier)] ?? {}).length
        const columns = read === 'all' || read.size === whole ? 'all' : [...read].sort().join(' ')
        return [formatIdentifier(identifier), columns]
      })
      assert.deepEqual(Object.fromEntries(reads), expected)
    })
  }
})
