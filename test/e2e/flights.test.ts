import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ingot, runIngot } from './ingot-process.ts'
import { ALL_FLIGHTS, CHECKED_TABLES, PlainFlights } from './plain-flights.ts'
import { stateIn, withFolder } from './state.ts'

const PROJECT = ['-p', 'examples/flights']

test('the flights example equals one plain query over its files, and a second run commits nothing', async () => {
  await withFolder(async folder => {
    const options = { environment: stateIn(folder) }
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
    assert.match(
      stderr.trimEnd().split('\n').at(-1) ?? '',
      /^committed 5 tables as transaction 1 in [\d.]+ s$/,
    )

    using plain = await PlainFlights.open([ALL_FLIGHTS])
    for (const table of Object.keys(CHECKED_TABLES)) {
      const output = join(folder, `${table}.parquet`)
      await ingot(['query', `select * from ${table}`, '-f', 'parquet', '-o', output, ...PROJECT], options)
      await plain.assertEqual(table, output)
    }

    const hubs =
      'select airport, departures from gold.hub_load order by departures desc, airport, hour limit 3'
    const [header = '', rule = '', ...rows] = (await ingot(['query', hubs, ...PROJECT], options))
      .trimEnd()
      .split('\n')
    assert.match(header, /^airport {2}departures$/)
    assert.match(rule, /^─+ {2}─+$/)
    assert.equal(rows.length, 3)
    for (const row of rows) assert.match(row, /^[A-Z]{3} +\d+$/)

    const again = JSON.parse(await ingot(['run', '--json', ...PROJECT], options))
    assert.equal(again.transactionId, undefined)
    assert.ok(again.tables.every((table: { status: string }) => table.status === 'skipped'))
    const transactions = JSON.parse(await ingot(['history', '--json', ...PROJECT], options))
    assert.equal(transactions.length, 1)
  })
})
