import type { Config } from '../config.ts'
import { isIngotError } from '../errors.ts'
import { executeRun } from '../pipeline/run.ts'
import type { RunReport } from '../pipeline/run-report.ts'
import { openLake, openPlatform, type Platform } from '../platform.ts'
import { createHttpApp } from '../server/http-app.ts'
import { serveHttp } from '../server/serve-http.ts'
import { BackgroundMaintenance } from './background-maintenance.ts'
import type { RoleOptions } from './role-options.ts'
import { RunLog } from './run-log.ts'

export interface PipelineRoleOptions extends RoleOptions {
  /** End after one run. */
  readonly once: boolean
}

/**
 * Runs the lake again and again, with a pause between in which it maintains the tables, or once: then it resolves with the report.
 * A run that cannot reach the catalog, or loses its tables to others, is tried again at the next turn.
 * @throws what the first run throws, when it is the only one
 */
export async function runPipelineRole(
  config: Config,
  options: PipelineRoleOptions,
): Promise<RunReport | undefined> {
  const { once, isWatched, signal, send } = options
  await using platform = await openPlatform(config, { role: 'pipeline', prettyLog: isWatched })
  const { metrics, log, clock } = platform
  const server = await serveHttp({ app: createHttpApp({ metrics, log, routes: [] }), port: 0 })
  try {
    log.info({ url: server.url }, 'pipeline serves its metrics')
    send({ type: 'listening', url: server.url, port: server.port })
    const lake = await openLake(platform)
    const run = (): Promise<RunReport> =>
      executeRun(platform, lake, { signal, onEvent: event => send({ type: 'run', event }) })
    if (once) return await run()
    const maintenance = new BackgroundMaintenance(platform)
    const runLog = new RunLog({ log, clock, isWatched })
    while (!signal.aborted) {
      await runAndLog(runLog, run)
      await maintenance.runWhenDue(signal)
      await pause(platform, config.pipeline.intervalMs, signal)
    }
    return undefined
  } finally {
    await server.close()
  }
}

async function runAndLog(runLog: RunLog, run: () => Promise<RunReport>): Promise<void> {
  try {
    runLog.finished(await run())
  } catch (error) {
    if (!isIngotError(error, 'CANCELLED')) runLog.failed(error)
  }
}

async function pause({ clock }: Platform, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
