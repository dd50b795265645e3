#!/bin/sh
# npm start: the flights example from its files to a table for people.
set -e
cd "$(dirname "$0")/.."
ingot() { node dist/cli/main.js "$@" --project examples/flights; }

ingot start --once

echo
echo 'gold.route_performance: the busiest routes of 2001, and how late they were (delays in minutes)'
ingot query "
  select
    origin || ' → ' || destination                       as route,
    sum(flights)::bigint                                 as flights,
    sum(flights * mean_delay_minutes) / sum(flights)     as mean_delay,
    max(p90_delay_minutes)                               as p90_of_worst_day,
    100 * sum(flights * late_share) / sum(flights)       as late_percent
  from gold.route_performance
  group by route
  order by flights desc, route
  limit 10"

cat <<'NEXT'

try next:
  npx ingot plan -p examples/flights                             what a run would do now, and why
  npx ingot quarantine list silver.flights -p examples/flights   what was refused
  npx ingot history -p examples/flights                          the transactions so far
  npx ingot start -p examples/flights                            keep it running, and serve the tables to other engines
  npx ingot init ../my-lake                                      start your own
NEXT
