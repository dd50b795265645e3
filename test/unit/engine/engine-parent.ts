// A program with an engine, one worker idle and one at work, to be killed by a test.
import assert from 'node:assert/strict'
import { createDuckdbEngine } from '../../../src/engine/duckdb-engine.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { workerPids } from './engine-fixture.ts'

const tempFolder = process.argv[2]
assert(tempFolder)
const engine = createDuckdbEngine({
  workers: 2,
  memoryLimitBytes: 256 * 1024 * 1024,
  threads: 1,
  timeLimitMs: 60_000,
  tempFolder,
  log: createLog({ level: 'silent' }),
  metrics: createMetrics(),
})
await engine.session({}, async first => {
  await engine.session({}, async second => {
    await Promise.all([first.query('select 1'), second.query('select 1')])
    const running = second.query('select count(*) from range(100000000000)')
    process.send?.(await workerPids(tempFolder))
    await running
  })
})
