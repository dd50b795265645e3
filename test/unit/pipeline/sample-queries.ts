import type { LakeColumn, QueryTable } from '../../../src/lake/lake.ts'
import type { EngineSession } from '../../../src/table/engine.ts'
import { fromSqlType } from '../../../src/table/sql-types.ts'
import { formatIdentifier, parseIdentifier } from '../../../src/table-identifier.ts'

/** The tables that the sample queries read: name → columns as SQL. */
export const SAMPLE_TABLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'bronze.readings': {
    vehicle: 'VARCHAR',
    seen: 'TIMESTAMP',
    speed: 'DOUBLE',
    n: 'INTEGER',
    tags: 'VARCHAR[]',
    _source: 'VARCHAR',
    _source_partition: 'INTEGER',
    _position: 'BIGINT',
  },
  'bronze.vehicles': { vehicle: 'VARCHAR', model: 'VARCHAR', depot: 'VARCHAR', since: 'TIMESTAMP' },
  'silver.depots': { depot: 'VARCHAR', city: 'VARCHAR', rank: 'INTEGER' },
}

export async function createSampleTables(session: EngineSession, schemaPrefix = ''): Promise<void> {
  for (const [name, columns] of Object.entries(SAMPLE_TABLES)) {
    const { namespace, name: table } = parseIdentifier(name)
    const list = Object.entries(columns).map(([column, type]) => `"${column}" ${type}`)
    await session.query(`CREATE SCHEMA IF NOT EXISTS "${schemaPrefix}${namespace[0]}"`)
    await session.query(`CREATE TABLE "${schemaPrefix}${namespace[0]}"."${table}" (${list.join(', ')})`)
  }
}

export interface SampleQuery {
  readonly sql: string
  readonly key?: readonly string[]
  readonly orderBy?: string
  readonly deleteWhen?: string
}

/** The declaration of a sample query; `session` has the sample tables and describes it. */
export async function declareSample(session: EngineSession, sample: SampleQuery): Promise<QueryTable> {
  const { rows } = await session.query(`DESCRIBE ${sample.sql}`)
  const columns: readonly LakeColumn[] = rows.map(([name, type]) => ({
    name: String(name),
    type: fromSqlType(String(type)),
  }))
  const inputs = Object.keys(SAMPLE_TABLES)
    .filter(name => sample.sql.includes(name))
    .map(parseIdentifier)
  const site = { file: 'lake.ts', line: 1, column: 1 }
  return {
    kind: 'query',
    identifier: parseIdentifier('gold.sample'),
    tier: 'gold',
    exportName: 'sample',
    site,
    sqlSite: site,
    partitionBy: [],
    columns,
    definitionHash: sample.sql,
    inputs,
    key: sample.key ?? [],
    ...(sample.orderBy === undefined ? {} : { orderBy: sample.orderBy }),
    ...(sample.deleteWhen === undefined ? {} : { deleteWhen: sample.deleteWhen }),
    expectations: [],
    sql: sample.sql,
  }
}

/** The columns of a sample table. */
export function sampleColumns(identifier: Parameters<typeof formatIdentifier>[0]): readonly string[] {
  return Object.keys(SAMPLE_TABLES[formatIdentifier(identifier)] ?? {})
}

const KEYED = { key: ['vehicle', 'seen'], orderBy: 'speed' }

/** Queries that are refreshed from changes, with the strategy and the columns that it goes by. */
export const INCREMENTAL_QUERIES: readonly (SampleQuery & { readonly expected: string })[] = [
  { sql: 'select vehicle, speed / 3.6 as ms from bronze.readings where speed > 1', expected: 'append' },
  { sql: 'select * from bronze.readings', expected: 'append' },
  {
    sql: 'select * exclude (speed), upper(vehicle) as v from bronze.readings order by v',
    expected: 'append',
  },
  {
    sql: 'select r.*, v.model from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle where v.depot is null or n > 1',
    expected: 'append',
  },
  {
    sql: 'select r.vehicle, v.model from bronze.readings r join bronze.vehicles v using (vehicle)',
    expected: 'append',
  },
  { sql: 'select vehicle, unnest(tags) as tag from bronze.readings', expected: 'append' },
  { sql: 'select r.vehicle, t.tag from bronze.readings r, unnest(r.tags) t(tag)', expected: 'append' },
  { sql: 'select readings.vehicle from bronze.readings cross join silver.depots', expected: 'append' },
  {
    sql: 'with r as (select vehicle, n + 1 as m from bronze.readings where n > 0) select vehicle, m * 2 as k from r',
    expected: 'append',
  },
  { sql: 'select q.v from (select vehicle as v from bronze.readings where n = 1) q', expected: 'append' },
  {
    sql: 'select vehicle, case when n > 1 then list_transform(tags, x -> x || vehicle) end as t from bronze.readings',
    expected: 'append',
  },
  {
    sql: 'select b.vehicle, b.n from (select vehicle, n + 1 as n from bronze.readings) b where b.n in (1, 2, 3)',
    expected: 'append',
  },
  { sql: 'select n + 1 as m, m * 2 as k from bronze.readings where m > 1', expected: 'append' },

  { sql: 'select vehicle, seen, speed, n from bronze.readings', ...KEYED, expected: 'keys vehicle, seen' },
  { sql: 'select * from bronze.readings', ...KEYED, expected: 'keys vehicle, seen' },
  {
    sql: 'select * from bronze.readings where n > 0',
    key: ['vehicle'],
    orderBy: 'seen',
    deleteWhen: 'n = 2',
    expected: 'keys vehicle',
  },
  {
    sql: "select upper(vehicle) as id, date_trunc('day', seen) as day, n from bronze.readings",
    key: ['id', 'day'],
    orderBy: '_position',
    expected: 'keys id, day',
  },
  {
    sql: 'select r.vehicle, r.seen, v.model from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle',
    key: ['vehicle', 'seen'],
    orderBy: 'r.speed',
    expected: 'keys vehicle, seen',
  },
  {
    sql: 'select r.vehicle, v.model, d.city from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle left join silver.depots d on d.depot = v.depot',
    key: ['vehicle'],
    orderBy: 'r.n',
    expected: 'keys vehicle',
  },
  {
    sql: "select r.vehicle, coalesce(v.model, '?') as model, r.n from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle where v.model is null or v.model <> 'x'",
    key: ['vehicle', 'model'],
    orderBy: 'n',
    expected: 'keys vehicle, model',
  },
  {
    sql: 'with v as (select * from bronze.vehicles where depot is not null) select r.vehicle, r.n, v.depot from bronze.readings r join v on v.vehicle = r.vehicle',
    key: ['vehicle'],
    orderBy: 'r.seen',
    expected: 'keys vehicle',
  },
  {
    sql: 'select a.vehicle, a.n, b.n as other from bronze.readings a join bronze.readings b on a.vehicle = b.vehicle and a.n = b.n + 1',
    key: ['vehicle', 'n'],
    orderBy: 'a.speed',
    expected: 'keys vehicle, n',
  },

  { sql: 'select vehicle, count(*) as c from bronze.readings group by vehicle', expected: 'keys vehicle' },
  {
    sql: 'select vehicle, sum(n) as s from bronze.readings where n > 0 group by all having sum(n) > 1',
    expected: 'keys vehicle',
  },
  { sql: 'select vehicle as v, avg(speed) as s from bronze.readings group by 1', expected: 'keys v' },
  {
    sql: "select vehicle as v, date_trunc('day', seen) as day, max(speed) as s from bronze.readings group by v, day",
    expected: 'keys v, day',
  },
  {
    sql: 'select r.vehicle, r.seen::date as day, count(distinct n) as s from bronze.readings r group by vehicle, day',
    expected: 'keys vehicle, day',
  },
  {
    sql: 'select v.depot, count(*) as c, sum(r.n) as s from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle group by v.depot',
    expected: 'keys depot',
  },
  {
    sql: 'select v.depot, d.city, count(r.n) as c from bronze.vehicles v left join bronze.readings r on r.vehicle = v.vehicle and r.n > 1 left join silver.depots d on d.depot = v.depot group by all',
    expected: 'keys depot, city',
  },
  {
    sql: "select d.city, count(*) as c from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle join silver.depots d on d.depot = coalesce(v.depot, 'd1') group by d.city",
    expected: 'keys city',
  },
  {
    sql: 'select r.n, count(*) as c from bronze.readings r left join (bronze.vehicles v join silver.depots d on d.depot = v.depot) on v.vehicle = r.vehicle where d.rank is null or d.rank > 0 group by r.n',
    expected: 'keys n',
  },
  {
    sql: 'select coalesce(v.model, r.vehicle) as m, count(*) filter (where r.n > 1) as c from bronze.readings r left join bronze.vehicles v using (vehicle) group by m',
    expected: 'keys m',
  },
  {
    sql: 'select tag, count(*) as c from bronze.readings r, unnest(r.tags) t(tag) group by tag',
    expected: 'keys tag',
  },
  {
    sql: 'select a.n, count(*) as c from bronze.readings a join bronze.readings b on a.n = b.n left join bronze.vehicles v on v.vehicle = b.vehicle group by a.n',
    expected: 'keys n',
  },
  // Keys of one table alone, wherever it stands among the others.
  {
    sql: 'select v.model, count(*) as c from bronze.readings r join (bronze.vehicles v join silver.depots d on d.depot = v.depot) on v.vehicle = r.vehicle group by v.model',
    expected: 'keys model',
  },
  {
    sql: 'select q.m, count(*) as c from bronze.readings r join (select vehicle, upper(model) as m from bronze.vehicles) q using (vehicle) group by q.m',
    expected: 'keys m',
  },
  {
    sql: 'select depot, count(*) as c from silver.depots natural join bronze.vehicles join bronze.readings using (vehicle) group by depot',
    expected: 'keys depot',
  },
  {
    sql: 'select d.city, sum(r.n) as s from bronze.readings r cross join silver.depots d group by d.city',
    expected: 'keys city',
  },
  {
    sql: 'with c as (select vehicle, n from bronze.readings where n > 0) select x.n, count(*) as c from c x left join c y on x.n = y.n and y.vehicle = $$a$$ group by x.n',
    expected: 'keys n',
  },
  {
    sql: 'select vehicle, n, string_agg(depot, $$,$$ order by depot) as d from bronze.readings natural join bronze.vehicles group by vehicle, n',
    expected: 'keys vehicle, n',
  },
  {
    sql: 'select vehicle, max(n) as m, count(*) as c from bronze.readings group by vehicle',
    key: ['vehicle'],
    orderBy: 'c',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, n, count(*) as c from bronze.readings group by vehicle, n',
    key: ['vehicle'],
    orderBy: 'n',
    deleteWhen: 'c > 2',
    expected: 'keys vehicle',
  },

  {
    sql: 'select vehicle, n, sum(n) over (partition by vehicle) as s from bronze.readings',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, n, row_number() over (partition by vehicle, n order by seen, _position, speed) as r, sum(n) over w as s from bronze.readings window w as (partition by vehicle)',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, n from bronze.readings qualify rank() over (partition by vehicle order by n desc) = 1',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, n, count(*) as c, sum(count(*)) over (partition by vehicle) as t from bronze.readings group by vehicle, n',
    expected: 'keys vehicle',
  },
  {
    sql: 'select r.vehicle, v.depot, sum(r.n) over (partition by v.depot) as s from bronze.readings r left join bronze.vehicles v using (vehicle)',
    expected: 'keys depot',
  },

  { sql: 'select distinct vehicle, n from bronze.readings', expected: 'keys vehicle, n' },
  { sql: 'select distinct * from bronze.vehicles', expected: 'keys vehicle, model, depot, since' },
  {
    sql: 'select distinct r.n, d.city from bronze.readings r left join bronze.vehicles v on v.vehicle = r.vehicle left join silver.depots d on d.depot = v.depot',
    expected: 'keys n, city',
  },
  { sql: 'select distinct vehicle, unnest(tags) as tag from bronze.readings', expected: 'keys vehicle' },
]

/** Queries that are recomputed, with a part of the reason. */
export const RECOMPUTED_QUERIES: readonly (SampleQuery & { readonly reason: string })[] = [
  {
    sql: 'select r.n, v.model\nfrom bronze.readings r\nright join bronze.vehicles v on v.vehicle = r.vehicle',
    reason: 'RIGHT JOIN, in line 3',
  },
  {
    sql: 'select r.n, v.model from bronze.readings r full join bronze.vehicles v on v.vehicle = r.vehicle',
    reason: 'FULL JOIN',
  },
  {
    sql: 'select n from bronze.readings r semi join bronze.vehicles v on v.vehicle = r.vehicle',
    reason: 'SEMI JOIN',
  },
  {
    sql: 'select n from bronze.readings r anti join bronze.vehicles v on v.vehicle = r.vehicle',
    reason: 'ANTI JOIN',
  },
  {
    sql: 'select r.n, v.model from bronze.readings r asof join bronze.vehicles v on v.vehicle = r.vehicle and r.seen >= v.since',
    reason: 'ASOF JOIN',
  },
  { sql: 'select n, model from bronze.readings positional join bronze.vehicles', reason: 'POSITIONAL JOIN' },
  {
    sql: 'select n from bronze.readings where vehicle in (select vehicle from bronze.vehicles)',
    reason: 'sub-query in an expression',
  },
  {
    sql: 'select n from bronze.readings r where exists (select 1 from bronze.vehicles v where v.vehicle = r.vehicle)',
    reason: 'sub-query in an expression',
  },
  {
    sql: 'select n, (select max(model) from bronze.vehicles) as m from bronze.readings',
    reason: 'sub-query in an expression',
  },
  {
    sql: 'select vehicle from bronze.readings union all select vehicle from bronze.vehicles',
    reason: 'combines queries',
  },
  {
    sql: 'select vehicle from bronze.readings except select vehicle from bronze.vehicles',
    reason: 'combines queries',
  },
  { sql: 'select vehicle from bronze.readings order by n limit 3', reason: 'LIMIT' },
  { sql: 'select vehicle from bronze.readings limit 10%', reason: 'LIMIT' },
  { sql: 'select vehicle from bronze.readings offset 2', reason: 'LIMIT' },
  { sql: 'select distinct on (vehicle) vehicle, n from bronze.readings order by n', reason: 'DISTINCT ON' },
  { sql: 'select vehicle from bronze.readings using sample 3 rows', reason: 'samples rows' },
  {
    sql: 'with recursive c as (select n from bronze.readings union all select n + 1 from c where n < 3) select n from c',
    reason: 'recursive',
  },
  {
    sql: 'select vehicle, n, count(*) as c from bronze.readings group by rollup (vehicle, n)',
    reason: 'GROUPING SETS',
  },
  {
    sql: 'select vehicle, n, count(*) as c from bronze.readings group by cube (vehicle, n)',
    reason: 'GROUPING SETS',
  },
  { sql: 'select count(*) as c from bronze.readings', reason: 'aggregates over all rows' },
  { sql: 'select weighted_avg(n, speed) as c from bronze.readings', reason: 'aggregates over all rows' },
  {
    sql: 'select count(*) as c from bronze.readings group by vehicle',
    reason: 'none of its GROUP BY expressions',
  },
  {
    sql: 'select upper(vehicle) as u, count(*) as c from bronze.readings group by vehicle',
    reason: 'none of its GROUP BY expressions',
  },
  { sql: 'select n, row_number() over (order by seen) as r from bronze.readings', reason: 'no PARTITION BY' },
  {
    sql: 'select n, sum(n) over (partition by vehicle) as s from bronze.readings',
    reason: 'share no PARTITION BY',
  },
  {
    sql: 'select vehicle, n, sum(n) over (partition by vehicle) as s, sum(n) over (partition by n) as u from bronze.readings',
    reason: 'share no PARTITION BY',
  },
  {
    sql: 'select s.vehicle, s.c from (select vehicle, count(*) as c from bronze.readings group by vehicle) s',
    reason: 'that aggregates',
  },
  {
    sql: 'with s as (select distinct vehicle from bronze.readings) select vehicle from s',
    reason: 'with DISTINCT',
  },
  {
    sql: 'with s as (select vehicle, lag(n) over (partition by vehicle order by seen) as l from bronze.readings) select vehicle, l from s',
    reason: 'with window functions',
  },
  {
    sql: 'select r.n, q.m from bronze.readings r, lateral (select r.n + 1 as m) q',
    reason: 'more than its own tables',
  },
  {
    sql: 'select a.n from bronze.readings a join bronze.readings b on a.n = b.n',
    reason: 'with itself and has no key',
  },
  { sql: 'select vehicle, random() as x from bronze.readings', reason: 'random()' },
  { sql: 'select vehicle, n from bronze.readings where seen < now()', reason: 'now()' },
  { sql: 'select x from range(3) t(x)', reason: 'does not begin with a table' },
  {
    sql: 'select r.n from bronze.readings r left join (bronze.vehicles v left join silver.depots d on d.depot = v.depot) on v.vehicle = r.vehicle',
    reason: 'right side of a left join',
  },
  {
    sql: 'select vehicle, n, count(*) over (partition by vehicle) as c from bronze.readings',
    key: ['n'],
    orderBy: 'vehicle',
    reason: 'its key (n)',
  },
  {
    sql: 'select vehicle, unnest(tags) as tag from bronze.readings',
    key: ['tag'],
    orderBy: 'vehicle',
    reason: 'its key (tag)',
  },
  {
    sql: 'select row_number() over (partition by vehicle + 1) as r from (select n as vehicle from bronze.readings)',
    reason: 'share no PARTITION BY',
  },
  { sql: 'values (1)', reason: '' },
]
