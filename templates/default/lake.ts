import { bronze, files, gold, silver, sql, t } from 'ingot'

/** Readings as the vehicles send them: one JSON object a line, in files that arrive in inbox/. */
export const readings = bronze('readings', {
  from: files('inbox/readings-*.ndjson'),
  columns: {
    vehicle: t.string(),
    measured_at: t.timestamp(),
    speed_kmh: t.double(),
    odometer_km: t.decimal(12, 3),
  },
})

/** A lookup: when the file changes, its rows are exchanged. */
export const vehicles = bronze('vehicles', {
  from: files('inbox/vehicles.csv', { onChange: 'replace' }),
  columns: { vehicle: t.string(), model: t.string(), depot: t.string() },
})

/** One row for each vehicle and moment; what cannot be true goes to silver.readings__quarantine. */
export const cleanReadings = silver('readings', {
  query: sql`
    select r.vehicle, r.measured_at, r.speed_kmh, r.odometer_km, v.model, v.depot
    from ${readings} r
    left join ${vehicles} v on v.vehicle = r.vehicle`,
  key: ['vehicle', 'measured_at'],
  orderBy: '_ingested_at',
  expect: {
    'the speed is plausible': { check: sql`speed_kmh between 0 and 200`, otherwise: 'quarantine' },
    'the vehicle is known': sql`depot is not null`,
  },
  partitionBy: ['month(measured_at)'],
})

/** How each depot drove, day by day. */
export const depotDays = gold('depot_days', {
  query: sql`
    select
      depot,
      date_trunc('day', measured_at)                   as day,
      count(distinct vehicle)                 as vehicles,
      count(*)                                as readings,
      avg(speed_kmh)                          as mean_speed_kmh,
      quantile_cont(speed_kmh, 0.9)           as p90_speed_kmh
    from ${cleanReadings}
    group by depot, day`,
})
