import assert from 'node:assert/strict'
import { join } from 'node:path'
import { ingot, runIngot } from './ingot-process.ts'
import { ALL_FLIGHTS, CHECKED_TABLES, PlainFlights } from './plain-flights.ts'

const PROJECT = ['-p', 'examples/flights']

/**
 * Runs the flights example with its tables and catalog where `environment` says, and compares every table with one plain
 * query over the files; a second run must find nothing to do. Exports go to `folder`.
 */
export async function assertFlightsRun(folder: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const options = { environment }
  const { code, stderr } = await runIngot(['start', '--once', ...PROJECT], options)
  assert.equal(code, 0, stderr)
  // Each step with its rows and seconds; the summary comes last.
  for (const table of ['bronze.airports', 'bronze.flights', ...Object.keys(CHECKED_TABLES)]) {
    if (table.endsWith('__quarantine')) continue
    assert.match(
      stderr,
      new RegExp(`^✓ ${table.replace('.', '\\.')} +\\w+ +[\\d,]+ rows.* \\d+\\.\\d\\d s$`, 'm'),
    )
  }
  assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', /^committed 5 tables as transaction 1 in [\d.]+ s$/)
  await assertFlightsEqualPlain(folder, environment)

  const again = JSON.parse(await ingot(['run', '--json', ...PROJECT], options))
  assert.equal(again.transactionId, undefined)
  assert.ok(again.tables.every((table: { status: string }) => table.status === 'skipped'))
  const transactions = JSON.parse(await ingot(['history', '--json', ...PROJECT], options))
  assert.equal(transactions.length, 1)
}

/** Compares every table, row by row, with one plain query over the files. */
async function assertFlightsEqualPlain(folder: string, environment: NodeJS.ProcessEnv): Promise<void> {
  using plain = await PlainFlights.open([ALL_FLIGHTS])
  for (const table of Object.keys(CHECKED_TABLES)) {
    const output = join(folder, `${table}.parquet`)
    await ingot(['query', `select * from ${table}`, '-f', 'parquet', '-o', output, ...PROJECT], {
      environment,
    })
    await plain.assertEqual(table, output)
  }
}
