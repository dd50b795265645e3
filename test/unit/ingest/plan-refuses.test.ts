import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import type { Type } from '../../../src/format/types.ts'
import type { LakeTable } from '../../../src/lake/lake.ts'
import { planRun } from '../../../src/pipeline/plan-run.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

const declare = (name: string, columns: Readonly<Record<string, Type>>, glob = `${name}/*`): LakeTable =>
  bronzeTable({ name: `bronze.${name}`, columns, glob })

/** What plan and run say of a table, which must be the same. */
async function agreed(
  table: LakeTable,
): Promise<{ readonly said: string; readonly hint: string | undefined }> {
  const dependencies = {
    ...{ context: lab.context, engine: lab.engine, loader: lab.loader, clock: systemClock },
    ...{ random: systemRandom, log: createLog({ level: 'silent' }), metrics: createMetrics() },
  }
  const lake = { projectFolder: lab.folder, modulePath: '', tables: [table] }
  const [plan] = (await planRun(dependencies, lake)).tables
  const [report] = (await executeRun(dependencies, lake)).tables
  assert.ok(plan && report)
  assert.deepEqual([report.action, report.reason, report.error?.hint], [plan.action, plan.reason, plan.hint])
  return { said: `${plan.action}: ${plan.reason}`, hint: plan.hint }
}

test('a declared type that the table cannot get is refused by the plan, with and without new files', async () => {
  await lab.write('typed/1.ndjson', '{"n":1}\n')
  assert.equal((await agreed(declare('typed', { n: 'long' }))).said, 'load: it is new')
  const another = declare('typed', { n: 'string' })
  const idle = await agreed(another)
  assert.match(idle.said, /^refuse: column n of bronze\.typed /)
  assert.notEqual(idle.hint, undefined)
  await lab.write('typed/2.ndjson', '{"n":"x"}\n')
  assert.deepEqual(await agreed(another), idle)
  assert.equal((await agreed(declare('typed', { n: 'long' }))).said, 'load: its sources have something new')
})

test('a folder without files makes an empty table, once', async () => {
  const empty = declare('empty', { n: 'long' })
  assert.equal((await agreed(empty)).said, 'load: it is new')
  assert.equal((await agreed(empty)).said, 'skip: its sources have nothing new')
  await lab.write('empty/1.ndjson', '{"n":1}\n')
  assert.equal((await agreed(empty)).said, 'load: its sources have something new')
})

test('a file that is named and is not there is refused by both', async () => {
  const { said } = await agreed(declare('named', { n: 'long' }, 'nowhere.ndjson'))
  assert.match(said, /^refuse: .*nowhere\.ndjson/)
})
