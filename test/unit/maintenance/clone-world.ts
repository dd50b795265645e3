import assert from 'node:assert/strict'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import type { TableMetadata } from '../../../src/format/metadata-types.ts'
import type { Maintenance } from '../../../src/maintenance/maintain-lake.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import type { TableIdentifier } from '../../../src/table-identifier.ts'
import type { MaintenanceLab } from './maintenance-lab.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from './table-history.ts'

/** What can be done with tables that share their files. `pick` chooses among what there is. */
export type CloneStep =
  | { readonly do: 'append' | 'delete' | 'overwrite' | 'drop' | 'purge' | 'undrop'; readonly pick: number }
  | { readonly do: 'clone'; readonly pick: number; readonly snapshot: number | undefined }
  | { readonly do: 'maintain'; readonly pass: Passing }

export type Passing = keyof typeof PASSING_MS

export const PASSING_MS = {
  moment: 1000,
  quarter: 15 * MINUTE_MS,
  hours: 7 * HOUR_MS,
  days: 3.5 * DAY_MS,
  week: 8 * DAY_MS,
}

/** How long a dropped table can be brought back. */
const KEPT_MS = 5 * DAY_MS

interface LivingTable {
  readonly identifier: TableIdentifier
  readonly rows: readonly number[]
}

interface DroppedTable extends LivingTable {
  readonly transactionId: number
  readonly atMs: number
  readonly isPurged: boolean
}

/** Tables of one family, what their rows should be, and what every snapshot of them should be. */
export class CloneWorld {
  readonly #lab: MaintenanceLab
  readonly #maintenance: Maintenance
  #living: LivingTable[] = []
  #dropped: DroppedTable[] = []
  readonly #snapshots = new Map<bigint, readonly number[]>()
  #next = 0
  #names = 0

  constructor(lab: MaintenanceLab) {
    this.#lab = lab
    this.#maintenance = lab.maintenance()
  }

  async begin(): Promise<void> {
    const { identifier } = await this.#lab.tables.create({ v: 'int' })
    this.#living = [{ identifier, rows: [] }]
    await this.#append(0)
  }

  async take(step: CloneStep): Promise<void> {
    this.#lab.clock.pass(1000)
    switch (step.do) {
      case 'append':
        return await this.#append(step.pick)
      case 'delete':
        return await this.#change(step.pick, row => row % 3 !== step.pick % 3)
      case 'overwrite':
        return await this.#change(step.pick, () => false)
      case 'clone':
        return await this.#clone(step.pick, step.snapshot)
      case 'drop':
      case 'purge':
        return await this.#drop(step.pick, step.do === 'purge')
      case 'undrop':
        return await this.#undrop(step.pick)
      case 'maintain': {
        this.#lab.clock.pass(PASSING_MS[step.pass])
        const report = await this.#maintenance.run()
        assert.deepEqual(
          report.tables.flatMap(table => table.error?.message ?? []),
          [],
        )
      }
    }
  }

  /** Every row of every table, in every snapshot that it lists. */
  async check(): Promise<void> {
    for (const { identifier, rows } of this.#living) {
      const { metadata } = await this.#load(identifier)
      assert.deepEqual(await this.#rows(metadata), textsOf(rows), identifier.name)
      for (const { 'snapshot-id': snapshotId } of metadata.snapshots) {
        const expected = this.#snapshots.get(snapshotId)
        if (expected === undefined) continue
        const found = await this.#lab.tables.rows(metadata, { snapshotId })
        assert.deepEqual(found, textsOf(expected), `${identifier.name} at ${snapshotId}`)
      }
    }
  }

  /** Drops what is left, and has nothing kept of it. */
  async end(): Promise<void> {
    while (this.#living.length > 0) await this.#drop(0, false)
    await this.take({ do: 'maintain', pass: 'week' })
    await this.take({ do: 'maintain', pass: 'week' })
  }

  async #append(pick: number): Promise<void> {
    const table = this.#choose(pick)
    if (table === undefined) return
    const added = [this.#next, this.#next + 1]
    this.#next += 2
    const sql = `SELECT unnest([${added.join()}])::INTEGER AS v`
    this.#note(table, await this.#lab.append(await this.#load(table.identifier), sql), [
      ...table.rows,
      ...added,
    ])
  }

  async #change(pick: number, isKept: (row: number) => boolean): Promise<void> {
    const table = this.#choose(pick)
    if (table === undefined) return
    const { context, tables } = this.#lab
    const gone = table.rows.filter(row => !isKept(row))
    if (gone.length === 0) return
    const filterSql = `v IN (${gone.join()})`
    const changed = await this.#lab.update(table, staged =>
      stageOverwrite(context, tables.session, staged, { filterSql }),
    )
    this.#note(table, changed, table.rows.filter(isKept))
  }

  async #clone(pick: number, snapshot: number | undefined): Promise<void> {
    const table = this.#choose(pick)
    if (table === undefined) return
    const loaded = await this.#load(table.identifier)
    const known = loaded.metadata.snapshots.filter(({ 'snapshot-id': id }) => this.#snapshots.has(id))
    const chosen = snapshot === undefined ? undefined : known[snapshot % known.length]?.['snapshot-id']
    const { identifier } = await this.#lab.clone(loaded, chosen)
    const rows = (chosen === undefined ? table.rows : this.#snapshots.get(chosen)) ?? []
    this.#living.push({ identifier, rows })
  }

  async #drop(pick: number, isPurged: boolean): Promise<void> {
    const table = this.#choose(pick)
    if (table === undefined) return
    const { catalog } = this.#lab.context
    await catalog.dropTable(table.identifier, { purgeRequested: isPurged })
    const [drop] = await catalog.transactions({ limit: 1 })
    this.#living = this.#living.filter(other => other !== table)
    const transactionId = (drop?.transactionId ?? 0) - 1
    this.#dropped.push({ ...table, transactionId, atMs: this.#lab.clock.nowMs(), isPurged })
  }

  /** Under another name, for as long as that is promised; after it, it may be refused. */
  async #undrop(pick: number): Promise<void> {
    const table = this.#dropped[pick % Math.max(this.#dropped.length, 1)]
    if (table === undefined) return
    this.#names += 1
    const identifier = { namespace: ['lab'], name: `back_${this.#names}_${table.identifier.name}` }
    const transaction = new Transaction(this.#lab.context)
    const { transactionId } = table
    transaction.include({
      identifier,
      requirements: [{ type: 'assert-create' }],
      updates: [],
      origin: { type: 'version', of: table.identifier, transactionId },
    })
    this.#dropped = this.#dropped.filter(other => other !== table)
    try {
      await transaction.commit({ idempotencyKey: crypto.randomUUID() })
      this.#living.push({ identifier, rows: table.rows })
    } catch (error) {
      if (!isIngotError(error, 'HISTORY_FORGOTTEN')) throw error
      const isPromised = !table.isPurged && this.#lab.clock.nowMs() - table.atMs <= KEPT_MS
      assert.ok(!isPromised, 'a table that was dropped a moment ago comes back')
    }
  }

  #choose(pick: number): LivingTable | undefined {
    return this.#living[pick % Math.max(this.#living.length, 1)]
  }

  #note(table: LivingTable, { metadata }: LoadedTable, rows: readonly number[]): void {
    this.#living = this.#living.map(other => (other === table ? { ...other, rows } : other))
    const snapshotId = metadata['current-snapshot-id']
    if (snapshotId !== undefined) this.#snapshots.set(snapshotId, rows)
  }

  #load(identifier: TableIdentifier): Promise<LoadedTable> {
    return this.#lab.context.catalog.loadTable(identifier)
  }

  #rows(metadata: TableMetadata): Promise<string[]> {
    return this.#lab.tables.rows(metadata)
  }
}

function textsOf(rows: readonly number[]): string[] {
  return rows.map(row => `[${row}]`).sort()
}
