/** A text for each table that two sides which computed the same have in common. */
export interface Totals {
  readonly silver: string
  readonly route_performance: string
  readonly hub_load: string
}

// Of two reports of one flight in one batch the script keeps either: what depends on the choice, the delay, is not compared.
const SUMS: Readonly<Record<string, string>> = {
  silver: 'count(*), sum(distance_miles)',
  route_performance: 'count(*), sum(flights)',
  hub_load: 'count(*), sum(departures)',
}

/** A SELECT of the one text of `table`, whose rows are `relation`. */
export function totalsSql(table: string, relation: string): string {
  return `select concat_ws('/', ${SUMS[table] ?? 'count(*)'}) from ${relation}`
}
