import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../src/config.ts'
import { executeRun } from '../../src/pipeline/run.ts'
import { openLake, openPlatform, type Platform } from '../../src/platform.ts'
import { stageProperties } from '../../src/table/stage.ts'
import { Transaction } from '../../src/table/transaction.ts'

const BRONZE = { namespace: ['bronze'], name: 'readings' }

function open(project: string): Promise<Platform> {
  return openPlatform(loadConfig(project, { INGOT_ENGINE_WORKERS: '1' }), { logLevel: 'silent' })
}

/** Refreshes the lake of `ingot init` again and again, each time with one more reading: `bronze.readings` gets a file of each. */
export async function refreshOften(project: string, runs: number): Promise<void> {
  await using platform = await open(project)
  const lake = await openLake(platform)
  for (let run = 0; run < runs; run += 1) {
    const line = `{"vehicle":"truck-1","measured_at":"2026-01-06T09:${run + 10}:00Z","speed_kmh":50.0,"load_kg":1}\n`
    await appendFile(join(project, 'inbox', 'readings-2026-01-06.ndjson'), line)
    await executeRun(platform, lake)
  }
}

/** Sets properties of `bronze.readings`, as another engine would. */
export async function setProperties(
  project: string,
  properties: Readonly<Record<string, string>>,
): Promise<void> {
  await using platform = await open(project)
  const transaction = new Transaction(platform.context)
  await transaction.update(BRONZE, async staged =>
    stageProperties(staged ?? assert.fail('no table'), { set: properties }),
  )
  await transaction.commit({ idempotencyKey: crypto.randomUUID() })
}
