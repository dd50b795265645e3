import { isIngotError } from '../errors.ts'
import { Maintenance } from '../maintenance/maintain-lake.ts'
import type { MaintenanceReport, TableMaintenance } from '../maintenance/maintenance-report.ts'
import type { Platform } from '../platform.ts'
import { LastingFailures } from './lasting-failures.ts'

/** The parts of a process that maintenance in the background needs. */
type MaintenancePlatform = Pick<Platform, 'config' | 'clock' | 'context' | 'engine' | 'log' | 'metrics'>

/** A key that is no table's name. */
const WHOLE_ROUND = ''

/**
 * Maintains the tables between the runs of a pipeline, now and then and a little at a time: what a round has no budget for is left to
 * the next. What it did is logged, and what fails once until it is mended.
 */
export class BackgroundMaintenance {
  readonly #platform: MaintenancePlatform
  readonly #maintenance: Maintenance
  readonly #failures = new LastingFailures()
  #dueAtMs: number

  constructor(platform: MaintenancePlatform) {
    const { context, engine, metrics, clock } = platform
    this.#platform = platform
    this.#maintenance = new Maintenance({ context, engine, metrics })
    this.#dueAtMs = clock.nowMs()
  }

  /** One round, when it is time; a round that fails as a whole is tried again at the next. */
  async runWhenDue(signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#platform
    const { isEnabled, intervalMs, budgetSeconds, budgetBytes } = config.maintenance
    if (!isEnabled || clock.nowMs() < this.#dueAtMs || signal.aborted) return
    try {
      const budget = { seconds: budgetSeconds, rewriteBytes: budgetBytes }
      this.#finished(await this.#maintenance.run({ budget, signal }))
    } catch (error) {
      if (isIngotError(error, 'CANCELLED') || signal.aborted) return
      this.#failed(WHOLE_ROUND, error)
    } finally {
      this.#dueAtMs = clock.nowMs() + intervalMs
    }
  }

  #finished({ tables, departed, seconds }: MaintenanceReport): void {
    const { log } = this.#platform
    this.#succeeded(WHOLE_ROUND)
    for (const table of tables) {
      if (table.error === undefined) this.#succeeded(table.table)
      else this.#failed(table.table, table.error)
    }
    const changed = tables.filter(didSomething).map(briefly)
    if (changed.length + departed.length > 0) log.info({ seconds, tables: changed, departed }, 'maintained')
  }

  #failed(what: string, error: unknown): void {
    const { log, clock } = this.#platform
    const news = this.#failures.failed(what, messageOf(error), clock.nowMs())
    if (news === undefined) return
    const fields = { ...(what === WHOLE_ROUND ? {} : { table: what }), err: error }
    if (news.type === 'new') log.error(fields, 'maintenance failed; it is tried again')
    else log.error({ ...fields, rounds: news.runs }, 'maintenance still fails')
  }

  #succeeded(what: string): void {
    const rounds = this.#failures.succeeded(what)
    if (rounds === undefined) return
    const fields = what === WHOLE_ROUND ? { rounds } : { table: what, rounds }
    this.#platform.log.info(fields, 'maintenance no longer fails')
  }
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error)
}

function didSomething(table: TableMaintenance): boolean {
  const { snapshotsExpired, rewrites, manifestsJoined, removed, orphans } = table
  return snapshotsExpired + rewrites.length + manifestsJoined + removed.files + orphans.files > 0
}

function briefly({ table, snapshotsExpired, rewrites, manifestsJoined, removed, orphans }: TableMaintenance) {
  const filesRewritten = rewrites.reduce((sum, { files }) => sum + files, 0)
  const filesRemoved = removed.files + orphans.files
  return { table, snapshotsExpired, filesRewritten, manifestsJoined, filesRemoved }
}
