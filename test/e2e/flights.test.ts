import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertFlightsRun } from './flights-lake.ts'
import { ingot } from './ingot-process.ts'
import { stateIn, withFolder } from './state.ts'

test('the flights example equals one plain query over its files, and a second run commits nothing', async () => {
  await withFolder(async folder => {
    const environment = stateIn(folder)
    await assertFlightsRun(folder, environment)
    const hubs =
      'select airport, departures from gold.hub_load order by departures desc, airport, hour limit 3'
    const output = await ingot(['query', hubs, '-p', 'examples/flights'], { environment })
    const [header = '', rule = '', ...rows] = output.trimEnd().split('\n')
    assert.match(header, /^airport {2}departures$/)
    assert.match(rule, /^─+ {2}─+$/)
    assert.equal(rows.length, 3)
    for (const row of rows) assert.match(row, /^[A-Z]{3} +\d+$/)
  })
})
