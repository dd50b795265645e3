import type { SampleQuery } from './sample-queries.ts'

/** Queries over the sample tables whose names or values invite a wrong analysis, and that are refreshed from changes all the same. */
export const TRICKY_INCREMENTAL: readonly (SampleQuery & { readonly expected: string })[] = [
  // Columns by the namespace of their table, as an interpolated table writes them.
  {
    sql: 'select "bronze"."readings".vehicle, count(*) as c from bronze.readings where "bronze"."readings".n > 0 group by all',
    expected: 'keys vehicle',
  },
  {
    sql: 'select bronze.readings.vehicle, v.model from bronze.readings join bronze.vehicles v on v.vehicle = bronze.readings.vehicle',
    expected: 'append',
  },
  {
    sql: 'select vehicle, bronze.readings.n from bronze.readings',
    key: ['vehicle'],
    orderBy: 'bronze.readings.speed',
    deleteWhen: 'bronze.readings.n = 2',
    expected: 'keys vehicle',
  },
  // An alias, a parameter of a lambda and a column of one name.
  {
    sql: "select n + 1 as v, count(*) as c from bronze.readings where len(list_filter(tags, v -> v <> 'x')) > 0 group by all",
    expected: 'keys v',
  },
  {
    sql: "select vehicle, list_transform(tags, lambda n: n || 'q') as t, count(*) as c from bronze.readings group by all",
    expected: 'keys vehicle, t',
  },
  {
    sql: 'select n as vehicle, vehicle as n, count(*) as c from bronze.readings group by vehicle, n',
    expected: 'keys vehicle, n',
  },
  {
    sql: 'select n as vehicle, vehicle as n, sum(speed) over (partition by vehicle) as s from (select n, vehicle, round(n, 0) as speed from bronze.readings) r',
    expected: 'keys n',
  },
  {
    sql: 'select vehicle as max, count(*) as count from bronze.readings group by max',
    expected: 'keys max',
  },
  {
    sql: 'select vehicle as "Vehicle", "N", count(*) as c from bronze.readings group by "VEHICLE", n',
    expected: 'keys Vehicle, n',
  },
  {
    sql: 'with readings as (select * from bronze.vehicles) select model, count(*) as k from readings group by all',
    expected: 'keys model',
  },
  {
    sql: 'with c as (select vehicle from bronze.readings), d as (with c as (select model as vehicle from bronze.vehicles) select vehicle from c) select d.vehicle, count(*) as k from c join d using (vehicle) group by all',
    expected: 'keys vehicle',
  },
  // Keys that are equal without being the same, nested, or cannot be computed of rows that WHERE leaves out.
  {
    sql: 'select speed, sum(n) as s from bronze.readings group by speed',
    expected: 'keys speed',
  },
  { sql: 'select speed, seen from bronze.readings', key: ['speed'], orderBy: 'n', expected: 'keys speed' },
  {
    sql: "select date_trunc('day', seen) as d, count(*) as c from bronze.readings group by d",
    expected: 'keys d',
  },
  {
    sql: "select {'a': n, 'b': [vehicle]} as s, count(*) as c from bronze.readings group by s",
    expected: 'keys s',
  },
  {
    sql: 'select speed::decimal(4, 1) as z, count(*) as c from bronze.readings where isfinite(speed) group by z',
    expected: 'keys z',
  },
  {
    sql: 'select v.depot[2]::int as k, count(*) as c from bronze.readings r left join bronze.vehicles v using (vehicle) where try_cast(v.depot[2] as int) is not null group by k',
    expected: 'keys k',
  },
  { sql: "select 'x' as k, count(*) as c from bronze.readings group by k", expected: 'keys k' },
  // Slots: one table several times, cross joins, rows that a function gives.
  {
    sql: 'select a.vehicle, count(*) as c from bronze.readings a left join bronze.readings b on a.n = b.n + 1 left join bronze.readings d on d.n = b.n group by all',
    expected: 'keys vehicle',
  },
  {
    sql: 'select d.rank, count(v.vehicle) as c from silver.depots d left join (bronze.vehicles v cross join bronze.readings r) on r.n = d.rank group by all',
    expected: 'keys rank',
  },
  {
    sql: 'select d.rank, count(v.vehicle) as c from silver.depots d left join bronze.vehicles v on true group by all',
    expected: 'keys rank',
  },
  {
    sql: 'select r.vehicle, u.t, v.model, count(*) as c from bronze.readings r left join bronze.vehicles v using (vehicle), unnest([v.model, r.vehicle]) u(t) group by all',
    expected: 'keys vehicle, t, model',
  },
  {
    sql: 'select vehicle, depot, city, count(*) as c from bronze.readings left join bronze.vehicles v using (vehicle) left join silver.depots using (depot) group by all',
    expected: 'keys vehicle, depot, city',
  },
  // Windows over groups, of different partitions, and beside DISTINCT.
  {
    sql: 'select vehicle, n, count(*) as c, rank() over (partition by vehicle order by count(*)) as r from bronze.readings group by vehicle, n qualify r = 1',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, n, max(n) over (partition by vehicle) as f, sum(n) over (partition by vehicle, n) as g from bronze.readings',
    expected: 'keys vehicle',
  },
  {
    sql: 'select distinct vehicle, sum(n) over (partition by vehicle) as s from bronze.readings',
    expected: 'keys vehicle',
  },
  {
    sql: 'select vehicle, wavg(n, _position) as c from bronze.readings group by all',
    expected: 'keys vehicle',
  },
]

/** Queries over the sample tables that look as if they could be refreshed from changes, with a part of the reason why not. */
export const TRICKY_RECOMPUTED: readonly (SampleQuery & { readonly reason: string })[] = [
  {
    sql: 'select vehicle collate nocase as v, count(*) as c from bronze.readings group by all',
    reason: 'of the kind COLLATE',
  },
  {
    sql: 'select q.v, count(*) as c from (select vehicle collate nocase as v from bronze.readings) q group by q.v',
    reason: 'of the kind COLLATE',
  },
  {
    sql: 'select distinct generate_subscripts(tags, 1) as i from bronze.readings',
    reason: 'generate_subscripts()',
  },
  { sql: 'select wavg(n, speed) as c from bronze.readings', reason: 'aggregates over all rows' },
  { sql: "select vehicle, seen > ago(interval '1 day') as new from bronze.readings", reason: 'ago()' },
  { sql: 'select alias(vehicle) as k, count(*) as c from bronze.readings group by k', reason: 'alias()' },
  {
    sql: 'select ingot_keys.vehicle, count(*) as c from bronze.readings ingot_keys group by all',
    reason: 'the name ingot_keys',
  },
  {
    sql: 'select ingot_key_0, count(*) as c from (select vehicle as ingot_key_0 from bronze.readings) q group by all',
    reason: 'the name ingot_key_0',
  },
  {
    sql: 'select r.vehicle, q.model, count(*) as c from bronze.readings r left join lateral (select v.model from bronze.vehicles v join silver.depots d on d.depot = v.depot and v.vehicle = r.vehicle) q on true group by all',
    reason: 'may read more than its own tables',
  },
  {
    sql: "select q.a, count(*) as c from (select s.* from (select {'a': vehicle} as s from bronze.readings)) q(a) group by q.a",
    reason: 'none of its GROUP BY expressions',
  },
  {
    sql: 'select bronze.vehicles.model, count(*) as c from bronze.vehicles join (select depot from silver.depots) vehicles using (depot) group by all',
    reason: 'has another vehicles',
  },
  { sql: 'select #1 as x, count(*) as c from bronze.readings group by all', reason: 'POSITIONAL_REFERENCE' },
  {
    sql: "select columns('^vehicle$'), count(*) as c from bronze.readings group by all",
    reason: 'none of its GROUP BY expressions',
  },
  {
    sql: 'select * replace (upper(vehicle) as vehicle) from bronze.vehicles',
    key: ['vehicle'],
    orderBy: 'model',
    reason: 'its key (vehicle)',
  },
  {
    sql: 'select vehicle, sum(n) over (partition by vehicle) / sum(n) over () as s from bronze.readings',
    reason: 'no PARTITION BY',
  },
  {
    sql: 'select r.vehicle, count(*) filter (where exists (select 1 from silver.depots d where d.rank = r.n)) as c from bronze.readings r group by all',
    reason: 'sub-query in an expression',
  },
  {
    sql: 'select vehicle, count(*) as c from (select * from bronze.readings limit 2) q group by all',
    reason: 'LIMIT',
  },
]
