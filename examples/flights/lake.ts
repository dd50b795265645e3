import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bronze, files, gold, silver, sql, t } from 'ingot'

// 3,000,000 real US flights of January to June 2001 and the airports they used, from the npm package vega-datasets.
const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')

/** Every flight as it was reported. */
export const reportedFlights = bronze('flights', {
  from: files(join(data, 'flights-3m.parquet')),
  columns: {
    date: t.timestamp(),
    delay: t.long(),
    distance: t.long(),
    origin: t.string(),
    destination: t.string(),
  },
})

/** A lookup: a new edition of the file replaces the old one. */
export const airports = bronze('airports', {
  from: files(join(data, 'airports.csv'), { onChange: 'replace' }),
  columns: {
    iata: t.string(),
    name: t.string(),
    city: t.string(),
    state: t.string(),
    country: t.string(),
    latitude: t.double(),
    longitude: t.double(),
  },
})

/**
 * One row a flight. The reports carry no flight number: two of the same minute on the same route count as one flight
 * reported twice, and the last report holds.
 */
export const flights = silver('flights', {
  query: sql`
    select
      f.date        as departed_at,
      f.origin      as origin,
      f.destination as destination,
      f.delay       as delay_minutes,
      f.distance    as distance_miles,
      o.city        as origin_city,
      o.state       as origin_state,
      d.city        as destination_city,
      d.state       as destination_state
    from ${reportedFlights} f
    left join ${airports} o on o.iata = f.origin
    left join ${airports} d on d.iata = f.destination`,
  key: ['departed_at', 'origin', 'destination'],
  orderBy: '_ingested_at',
  expect: {
    'it has a time and a route': {
      check: sql`departed_at is not null and origin is not null and destination is not null`,
      otherwise: 'quarantine',
    },
    'the delay is plausible': { check: sql`delay_minutes between -120 and 1440`, otherwise: 'quarantine' },
    'it goes somewhere': {
      check: sql`origin <> destination and distance_miles > 0`,
      otherwise: 'quarantine',
    },
    'both airports are known': sql`origin_city is not null and destination_city is not null`,
  },
  partitionBy: ['month(departed_at)'],
})

/** Delivery performance: how well each route kept its times, day by day. */
export const routePerformance = gold('route_performance', {
  query: sql`
    select
      origin,
      destination,
      date_trunc('day', departed_at)          as day,
      count(*)                                as flights,
      avg(delay_minutes)                      as mean_delay_minutes,
      quantile_cont(delay_minutes, 0.9)       as p90_delay_minutes,
      avg((delay_minutes > 15)::integer)      as late_share
    from ${flights}
    group by origin, destination, day`,
  partitionBy: ['month(day)'],
})

/** How much each airport had to handle, hour by hour. */
export const hubLoad = gold('hub_load', {
  query: sql`
    select
      origin                          as airport,
      min(origin_city)                as city,
      date_trunc('hour', departed_at) as hour,
      count(*)                        as departures,
      avg(delay_minutes)              as mean_delay_minutes
    from ${flights}
    group by origin, hour`,
  partitionBy: ['month(hour)'],
})
