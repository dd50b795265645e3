import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { type Config, loadConfig } from '../../../src/config.ts'
import { IngotError } from '../../../src/errors.ts'
import { BackgroundMaintenance } from '../../../src/roles/background-maintenance.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { MaintenanceLab } from '../maintenance/maintenance-lab.ts'
import { MINUTE_MS } from '../maintenance/table-history.ts'

let lab: MaintenanceLab
let table: LoadedTable
before(async () => {
  lab = await MaintenanceLab.open()
  table = await lab.tables.create({ v: 'int' })
})
after(() => lab.close())

/** What a pipeline maintains by, and the log that it leaves. */
function open(maintenance: Partial<Config['maintenance']> = {}, context = lab.context) {
  const entries: Record<string, unknown>[] = []
  const log = createLog({ level: 'debug', stream: { write: line => entries.push(JSON.parse(line)) } })
  const defaults = loadConfig(lab.tables.folder, {})
  const config = { ...defaults, maintenance: { ...defaults.maintenance, ...maintenance } }
  const { engine, clock } = lab
  const background = new BackgroundMaintenance({
    ...{ config, clock, context, engine, log, metrics: createMetrics() },
  })
  return {
    round: (signal = new AbortController().signal) => background.runWhenDue(signal),
    written: () => entries.splice(0).map(({ level, msg }) => `${level} ${msg}`),
  }
}

async function addSmallFiles(): Promise<void> {
  await lab.appendMany(table, 20)
  lab.clock.pass(2 * MINUTE_MS)
}

test('a round comes when it is time, and is told of when it did something', async () => {
  const { round, written } = open()
  await addSmallFiles()
  await round()
  assert.deepEqual(written(), ['info maintained'])
  await addSmallFiles()
  await round()
  assert.deepEqual(written(), ['info maintained'], 'the interval has passed')
  await lab.appendMany(table, 20)
  await round()
  assert.deepEqual(written(), [], 'half a minute later it has not')
  lab.clock.pass(MINUTE_MS)
  await round()
  assert.deepEqual(written(), ['info maintained'])
  lab.clock.pass(MINUTE_MS)
  await round()
  assert.deepEqual(written(), [], 'there was nothing to do')
})

test('nothing is done where the configuration says so, nor when the role ends', async () => {
  await addSmallFiles()
  const files = await lab.files(table)
  await open({ isEnabled: false }).round()
  await open().round(AbortSignal.abort())
  assert.deepEqual(await lab.files(table), files)
})

test('a round that fails is told of once, and when it is mended', async () => {
  const { catalog } = lab.context
  let isAway = true
  const tableVersions = async () => {
    if (isAway) throw new IngotError('CATALOG_UNAVAILABLE', 'the catalog is away')
    return await catalog.tableVersions()
  }
  const awayCatalog = new Proxy(catalog, {
    get: (target, key) => (key === 'tableVersions' ? tableVersions : Reflect.get(target, key).bind?.(target)),
  })
  const { round, written } = open({}, { ...lab.context, catalog: awayCatalog })
  for (let tries = 0; tries < 3; tries += 1) {
    await round()
    lab.clock.pass(MINUTE_MS)
  }
  assert.deepEqual(written(), ['error maintenance failed; it is tried again'])
  isAway = false
  await round()
  assert.deepEqual(written().slice(0, 1), ['info maintenance no longer fails'])
})
