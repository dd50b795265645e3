import assert from 'node:assert/strict'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { Clock } from '../../../src/clock.ts'
import { type MaintainOptions, Maintenance } from '../../../src/maintenance/maintain-lake.ts'
import type { MaintenanceReport, TableMaintenance } from '../../../src/maintenance/maintenance-report.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import type { Engine, EngineSession } from '../../../src/table/engine.ts'
import { includeClone } from '../../../src/table/include-clone.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { formatIdentifier, type TableIdentifier } from '../../../src/table-identifier.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { TableLab } from '../../support/table-lab.ts'

/** A clock that stands still until it is moved; it begins now, as files carry the time of the machine. */
export class LabClock implements Clock {
  #nowMs = Date.now()

  nowMs(): number {
    return this.#nowMs
  }

  async sleep(): Promise<void> {}

  pass(ms: number): void {
    this.#nowMs += ms
  }
}

/** Tables on real files and the real engine, at a time of the test's choosing, and what maintains them. */
export class MaintenanceLab {
  readonly clock: LabClock
  readonly tables: TableLab
  /** Called whenever maintenance has got a session, before it writes anything; undefined again after it. */
  meanwhile: (() => Promise<void>) | undefined

  private constructor(clock: LabClock, tables: TableLab) {
    this.clock = clock
    this.tables = tables
  }

  static async open(): Promise<MaintenanceLab> {
    const clock = new LabClock()
    return new MaintenanceLab(clock, await TableLab.open(clock))
  }

  get context() {
    return this.tables.context
  }

  get engine(): Engine {
    return {
      workersMax: 1,
      session: async <T>(_options: unknown, work: (session: EngineSession) => Promise<T>): Promise<T> => {
        const { meanwhile } = this
        this.meanwhile = undefined
        await meanwhile?.()
        return work(this.tables.session)
      },
      close: async () => undefined,
    }
  }

  /** A new process, which remembers nothing. */
  maintenance(): Maintenance {
    return new Maintenance({ context: this.context, engine: this.engine, metrics: createMetrics() })
  }

  async maintain(options: MaintainOptions = {}): Promise<MaintenanceReport> {
    const report = await this.maintenance().run(options)
    const failed = report.tables.find(table => table.error !== undefined)
    assert.equal(failed?.error?.message, undefined)
    return report
  }

  async maintainTable(table: LoadedTable, options: MaintainOptions = {}): Promise<TableMaintenance> {
    const report = await this.maintain({ ...options, tables: [table.identifier] })
    return report.tables[0] ?? assert.fail('no table was maintained')
  }

  reload(table: LoadedTable): Promise<LoadedTable> {
    return this.context.catalog.loadTable(table.identifier)
  }

  /** One commit of what `change` stages, as a run makes it. */
  async update(
    { identifier }: { readonly identifier: TableIdentifier },
    change: (staged: StagedTable) => StagedTable | Promise<StagedTable>,
  ): Promise<LoadedTable> {
    const transaction = new Transaction(this.context)
    await transaction.update(identifier, async staged =>
      change(staged ?? assert.fail(`no table ${formatIdentifier(identifier)}`)),
    )
    const result = await transaction.commit({ idempotencyKey: crypto.randomUUID() })
    return result?.tables[0] ?? assert.fail('nothing was committed')
  }

  append(
    table: LoadedTable,
    select: string,
    summary: Readonly<Record<string, string>> = {},
  ): Promise<LoadedTable> {
    return this.update(table, async staged => {
      const files = await writeDataFiles(this.context, this.tables.session, staged.metadata, { select })
      return stageAppend(this.context, staged, files, { summary })
    })
  }

  /** A clone of the table as it was loaded, under a name of its own. */
  async clone(table: LoadedTable, snapshotId?: bigint | null): Promise<LoadedTable> {
    const identifier = { namespace: ['lab'], name: `clone_${crypto.randomUUID()}` }
    const transaction = new Transaction(this.context)
    includeClone(transaction, table, { identifier, ...(snapshotId !== undefined && { snapshotId }) })
    const result = await transaction.commit({ idempotencyKey: crypto.randomUUID() })
    return result?.tables[1] ?? assert.fail('nothing was cloned')
  }

  /** Appends of one row each, a second apart: `v` counts from `first`. */
  async appendMany(table: LoadedTable, count: number, first = 0): Promise<LoadedTable> {
    let last = table
    for (let v = first; v < first + count; v += 1) {
      last = await this.append(table, `SELECT ${v} AS v`)
      this.clock.pass(1000)
    }
    return last
  }

  async rows(table: LoadedTable): Promise<string[]> {
    return this.tables.rows((await this.reload(table)).metadata)
  }

  /** The names of all files under a table's location. */
  async files(table: LoadedTable): Promise<string[]> {
    const { location } = table.metadata
    const found: string[] = []
    for await (const file of this.context.io.list(location))
      found.push(file.location.slice(location.length + 1))
    return found.sort()
  }

  close(): Promise<void> {
    return this.tables.close()
  }
}
