import type { LoadedTable, TableVersion } from '../catalog/catalog.ts'
import { familyOf } from '../catalog/clone-metadata.ts'
import { IngotError } from '../errors.ts'
import type { Engine } from '../table/engine.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { consumedSnapshots, loadCatalogState } from './catalog-state.ts'
import { compactTable } from './compact-table.ts'
import { expireTable } from './expire-table.ts'
import { historyPolicyOf } from './history-policy.ts'
import { createMaintenanceMetrics, type MaintenanceMetrics } from './maintenance-metrics.ts'
import {
  type DepartedMaintenance,
  type MaintenanceReport,
  TableLedger,
  type TableMaintenance,
} from './maintenance-report.ts'
import { type MaintenanceBudget, MaintenanceRound } from './maintenance-round.ts'
import { type CatalogState, type NamedSnapshot, VersionReader } from './named-snapshots.ts'
import { type HistoryPlan, planHistory, tableLocationOf } from './plan-history.ts'
import { removeDeparted } from './remove-departed.ts'
import { type Gone, removeOrphans, removeUnreachable } from './remove-files.ts'
import { shapeOf } from './table-shape.ts'
import { SnapshotFiles } from './unreachable-files.ts'

/** What maintenance needs from outside. */
export interface MaintenanceDependencies {
  readonly context: TableContext
  readonly engine: Engine
  readonly metrics: Metrics
}

export interface MaintainOptions {
  /** @default all tables, and those that were dropped */
  readonly tables?: readonly TableIdentifier[]
  /** Reports what would be done, and changes nothing. @default false */
  readonly isDryRun?: boolean
  /** @default what it takes */
  readonly budget?: MaintenanceBudget
  /** Called with each table once it is done. */
  readonly onTable?: (table: TableMaintenance) => void
  readonly signal?: AbortSignal
}

const UNLIMITED: MaintenanceBudget = {
  seconds: Number.POSITIVE_INFINITY,
  rewriteBytes: Number.POSITIVE_INFINITY,
}

/** How long files that nothing names wait at least to be looked for again by one process: listing a large table costs. */
const ORPHANS_EVERY_MS = 6 * 60 * 60_000

/**
 * Keeps the tables of a catalog fast and small, in rounds: thins their history, writes small files again as larger ones, and removes
 * files that nothing needs. Every step is planned from what is there and committed by itself, so that a round may be killed
 * at any instant and the next goes on from there. It remembers what it read between rounds.
 */
export class Maintenance {
  readonly #dependencies: MaintenanceDependencies
  readonly #metrics: MaintenanceMetrics
  readonly #reader: VersionReader
  /** By location. */
  readonly #files = new Map<string, SnapshotFiles>()
  readonly #orphansSoughtAtMs = new Map<string, number>()
  /** The table that the last round had no time for. */
  #next: string | undefined

  constructor(dependencies: MaintenanceDependencies) {
    this.#dependencies = dependencies
    this.#metrics = createMaintenanceMetrics(dependencies.metrics)
    this.#reader = new VersionReader(dependencies.context.io)
  }

  /** One round. A table that fails is reported as such, and the others are maintained. @throws CANCELLED */
  async run(options: MaintainOptions = {}): Promise<MaintenanceReport> {
    const { context, engine } = this.#dependencies
    const round = new MaintenanceRound({
      ...{ context, engine, reader: this.#reader, signal: options.signal },
      isDryRun: options.isDryRun ?? false,
      budget: options.budget ?? UNLIMITED,
    })
    const report = await this.#runRound(round, options)
    if (!round.isDryRun) this.#metrics.observe(report)
    return report
  }

  async #runRound(
    round: MaintenanceRound,
    { tables: only, onTable }: MaintainOptions,
  ): Promise<MaintenanceReport> {
    const { catalog, clock } = round.context
    const state = await loadCatalogState(catalog)
    const consumed = consumedSnapshots(state.tables)
    const forgotten = await this.#thinHistory(round, state, only)
    const tables: TableMaintenance[] = []
    for (const table of this.#inTurn(state.tables.filter(({ identifier }) => isAmong(identifier, only)))) {
      const ledger = new TableLedger(formatIdentifier(table.identifier))
      if (round.isOver) this.#postpone(table, ledger)
      else await this.#maintain(round, table, { state, consumed, forgotten }, ledger)
      tables.push(ledger.report)
      onTable?.(ledger.report)
    }
    const after = round.isDryRun ? withoutForgotten(state, forgotten) : await loadCatalogState(catalog)
    const departed = only === undefined ? await this.#removeDeparted(round, after) : []
    this.#reader.keepOnly(after.versions)
    const seconds = (clock.nowMs() - round.startedAtMs) / 1000
    return { isDryRun: round.isDryRun, seconds, tables, departed }
  }

  /** Those first that the last round had no time for, so that none waits for ever. */
  #inTurn(tables: readonly LoadedTable[]): readonly LoadedTable[] {
    const first = tables.findIndex(({ identifier }) => identifierKey(identifier) === this.#next)
    this.#next = undefined
    return first < 0 ? tables : [...tables.slice(first), ...tables.slice(0, first)]
  }

  #postpone({ identifier }: LoadedTable, ledger: TableLedger): void {
    this.#next ??= identifierKey(identifier)
    ledger.postpone('all of it: the time of this round is over')
  }

  async #thinHistory(
    round: MaintenanceRound,
    state: CatalogState,
    only: readonly TableIdentifier[] | undefined,
  ): Promise<HistoryPlan> {
    const current = new Map(state.tables.map(table => [identifierKey(table.identifier), table.metadata]))
    const plan = planHistory({
      versions: state.versions.filter(({ identifier }) => isAmong(identifier, only)),
      nowMs: round.context.clock.nowMs(),
      policyOf: identifier => historyPolicyOf(current.get(identifierKey(identifier)) ?? { properties: {} }),
    })
    // Read while they are certain to be there: what they lead to goes with them.
    for (const { metadataLocation } of plan.forgotten) {
      if (metadataLocation !== null) await this.#reader.read(metadataLocation, 'heads')
    }
    if (!round.isDryRun && plan.forget.length > 0) await round.context.catalog.forgetVersions(plan.forget)
    return plan
  }

  async #maintain(
    round: MaintenanceRound,
    table: LoadedTable,
    facts: {
      readonly state: CatalogState
      readonly consumed: ReadonlySet<bigint>
      readonly forgotten: HistoryPlan
    },
    ledger: TableLedger,
  ): Promise<void> {
    round.signal?.throwIfAborted()
    const { context } = round
    try {
      ledger.set({ before: await shapeOf(context, table.metadata) })
      await this.#maintainSteps(round, table, facts, ledger)
      if (round.isDryRun) return
      const { metadata } = await context.catalog.loadTable(table.identifier)
      ledger.set({ after: await shapeOf(context, metadata) })
    } catch (error) {
      round.signal?.throwIfAborted()
      if (!(error instanceof IngotError)) throw error
      // Dropped meanwhile: there is nothing left to maintain.
      if (error.code === 'TABLE_NOT_FOUND') return
      ledger.set({ error: { code: error.code, message: error.message } })
    }
  }

  async #maintainSteps(
    round: MaintenanceRound,
    table: LoadedTable,
    {
      state,
      consumed,
      forgotten,
    }: { state: CatalogState; consumed: ReadonlySet<bigint>; forgotten: HistoryPlan },
    ledger: TableLedger,
  ): Promise<void> {
    if (isGarbageCollected(table)) {
      const versions = forgotten.forgotten.filter(version => isVersionOf(version, table))
      ledger.set({ versionsForgotten: versions.length })
      const expired = await expireTable(round, table, consumed, ledger)
      const gone: Gone = {
        snapshots: [...expired.gone, ...(await this.#ledTo(versions))],
        files: versions.flatMap(({ metadataLocation }) => metadataLocation ?? []),
      }
      const after = round.isDryRun
        ? withTable(withoutForgotten(state, forgotten), expired.table)
        : await loadCatalogState(round.context.catalog)
      await removeUnreachable(
        round,
        this.#filesOf(table),
        { table: expired.table, state: after, gone },
        ledger,
      )
      // In a dry run what is to be removed is still there, and named by what is to go.
      await this.#seekOrphans(round, expired.table, round.isDryRun ? state : after, ledger)
    } else {
      ledger.postpone('thinning the history: the property gc.enabled is false')
    }
    await compactTable(round, table, ledger)
  }

  #removeDeparted(round: MaintenanceRound, state: CatalogState): Promise<readonly DepartedMaintenance[]> {
    const nowMs = round.context.clock.nowMs()
    return removeDeparted(round, state, {
      isDue: location => this.#isDue(location, nowMs),
      onShared: location => this.#orphansSoughtAtMs.set(location, nowMs),
    })
  }

  #isDue(location: string, nowMs: number): boolean {
    const soughtAtMs = this.#orphansSoughtAtMs.get(location)
    return soughtAtMs === undefined || nowMs - soughtAtMs >= ORPHANS_EVERY_MS
  }

  async #seekOrphans(
    round: MaintenanceRound,
    table: LoadedTable,
    state: CatalogState,
    ledger: TableLedger,
  ): Promise<void> {
    const { location } = table.metadata
    const nowMs = round.context.clock.nowMs()
    if (round.isOver || !this.#isDue(location, nowMs)) return
    await removeOrphans(round, this.#filesOf(table), { table, state }, ledger)
    if (!round.isDryRun) this.#orphansSoughtAtMs.set(location, nowMs)
  }

  async #ledTo(versions: readonly TableVersion[]): Promise<readonly NamedSnapshot[]> {
    const named: NamedSnapshot[] = []
    for (const { metadataLocation } of versions) {
      if (metadataLocation !== null)
        named.push(...((await this.#reader.read(metadataLocation, 'heads'))?.snapshots ?? []))
    }
    return named
  }

  #filesOf({ metadata: { location } }: LoadedTable): SnapshotFiles {
    const files = this.#files.get(location) ?? new SnapshotFiles(this.#dependencies.context)
    this.#files.set(location, files)
    return files
  }
}

function isAmong(identifier: TableIdentifier, only: readonly TableIdentifier[] | undefined): boolean {
  const key = identifierKey(identifier)
  return only === undefined || only.some(other => identifierKey(other) === key)
}

/** Iceberg's property `gc.enabled` is false where files are shared; in a family of clones it is known by whom. */
function isGarbageCollected({ metadata }: LoadedTable): boolean {
  return metadata.properties['gc.enabled'] !== 'false' || familyOf(metadata) !== undefined
}

function isVersionOf({ metadataLocation }: TableVersion, { metadata }: LoadedTable): boolean {
  return metadataLocation !== null && tableLocationOf(metadataLocation) === metadata.location
}

/** The state as it would be when what a plan names were forgotten. */
function withoutForgotten(state: CatalogState, { forgotten }: HistoryPlan): CatalogState {
  const gone = new Set(forgotten)
  return {
    ...state,
    versions: state.versions.map(version =>
      gone.has(version) ? { ...version, isForgotten: true } : version,
    ),
  }
}

function withTable(state: CatalogState, table: LoadedTable): CatalogState {
  const key = identifierKey(table.identifier)
  return {
    ...state,
    tables: state.tables.map(other => (identifierKey(other.identifier) === key ? table : other)),
  }
}
