import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDuckdbEngine, type DuckdbEngineOptions } from '../../../src/engine/duckdb-engine.ts'
import type { Engine } from '../../../src/table/engine.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'

const MIB = 1024 * 1024

export interface EngineFixture extends AsyncDisposable {
  readonly engine: Engine
  readonly metrics: Metrics
  readonly folder: string
}

/** An engine with one small worker and a temporary folder, both gone after `[Symbol.asyncDispose]`. */
export async function createEngineFixture(
  options: Partial<DuckdbEngineOptions> = {},
): Promise<EngineFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-engine-'))
  const metrics = createMetrics()
  const engine = createDuckdbEngine({
    workers: 1,
    memoryLimitBytes: 256 * MIB,
    threads: 2,
    timeLimitMs: 60_000,
    tempFolder: folder,
    log: createLog({ level: 'silent' }),
    metrics,
    ...options,
  })
  return {
    engine,
    metrics,
    folder,
    [Symbol.asyncDispose]: async () => {
      await engine.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The process ids of the workers that this program started for the engine with this temporary folder. */
export async function workerPids(tempFolder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async pid => {
      const [status, command] = await Promise.all([
        readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      ])
      // The settings, an argument of the worker, name its folder: other tests of this process have engines of their own.
      const child = status.includes(`\nPPid:\t${process.pid}\n`) && command.includes(tempFolder)
      return child ? [Number(pid)] : []
    }),
  )
  return found.flat()
}
