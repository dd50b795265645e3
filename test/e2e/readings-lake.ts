import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A lake of what vehicles report, of three tables and a quarantine. */
export const READINGS_LAKE = `import { bronze, files, gold, silver, sql, t } from 'ingot'

export const readings = bronze('readings', {
  from: files('inbox/*.ndjson'),
  columns: { vehicle: t.string(), seq: t.long(), speed: t.long() },
})
export const clean = silver('readings', {
  query: sql\`select vehicle, seq, speed from \${readings}\`,
  key: ['vehicle', 'seq'],
  orderBy: '_ingested_at',
  expect: { 'it moves': { check: sql\`speed >= 0\`, otherwise: 'quarantine' } },
})
export const totals = gold('totals', {
  query: sql\`select vehicle, count(*) as readings, sum(speed) as speed from \${clean} group by vehicle\`,
})
`

/** The vehicles report in turns: reading `seq` is of vehicle `seq` modulo this. */
export const VEHICLES = 3

/** What gold holds. */
export const TOTALS =
  'select vehicle, readings::integer as readings, speed::integer as speed from gold.totals order by vehicle'

/** A project whose inbox is empty. */
export async function makeReadingsProject(project: string): Promise<void> {
  await mkdir(join(project, 'inbox'), { recursive: true })
  await writeFile(join(project, 'lake.ts'), READINGS_LAKE)
}

/** A file of readings, and of lines that are none, arrives whole. */
export async function deliverReadings(
  project: string,
  name: string,
  rows: readonly (readonly [seq: number, speed: number])[],
  ...more: readonly string[]
): Promise<void> {
  const lines = rows.map(([seq, speed]) => JSON.stringify({ vehicle: `v${seq % VEHICLES}`, seq, speed }))
  const file = join(project, 'inbox', `${name}.ndjson`)
  await writeFile(`${file}.draft`, `${[...lines, ...more].join('\n')}\n`)
  await rename(`${file}.draft`, file)
}
