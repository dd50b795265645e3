import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { refreshOften, setProperties } from '../support/refreshed-lake.ts'
import { IngotProcess, ingot } from './ingot-process.ts'
import { withFolder } from './state.ts'

const MAINTAINED = {
  INGOT_HTTP_PORT: '0',
  INGOT_PIPELINE_INTERVAL_SECONDS: '0.2',
  INGOT_MAINTENANCE_INTERVAL_SECONDS: '0.2',
}

async function bronzeOf(project: string): Promise<{ readonly rows: number; readonly dataFiles: number }> {
  const tables = JSON.parse(await ingot(['tables', '--json', '-p', project]))
  return tables.find(({ table }: { table: string }) => table === 'bronze.readings')
}

test('a lake that is started joins small files by itself, logs it and counts it', async () => {
  await withFolder(async folder => {
    const project = join(folder, 'lake')
    await ingot(['init', project])
    await refreshOften(project, 18)
    await setProperties(project, { 'ingot.compaction.quiet-ms': '0' })
    const before = await bronzeOf(project)
    assert.equal(before.dataFiles, 18)

    await using supervisor = new IngotProcess(['start', '-p', project], { environment: MAINTAINED })
    const [, url = ''] = await supervisor.untilStderr(/"url":"([^"]+)","msg":"pipeline serves its metrics"/)
    await supervisor.untilStderr(/"table":"bronze\.readings",[^}]*"filesRewritten":18,.*"msg":"maintained"/)
    assert.deepEqual(await bronzeOf(project), {
      ...(await bronzeOf(project)),
      rows: before.rows,
      dataFiles: 1,
    })
    const metrics = await (await fetch(`${url}/metrics`)).text()
    assert.match(metrics, /^ingot_maintenance_rewritten_files_total\{table="bronze\.readings"\} 18$/m)
    assert.match(await ingot(['history', '-p', project]), / maintenance: compaction /)
  })
})
