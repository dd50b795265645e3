import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { CommitResult } from '../../../src/catalog/catalog.ts'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import { systemClock } from '../../../src/clock.ts'
import { createDuckdbEngine } from '../../../src/engine/duckdb-engine.ts'
import type { Type } from '../../../src/format/types.ts'
import { createFileLoader, type FileLoader, type FileLoadReport } from '../../../src/ingest/file-loader.ts'
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from '../../../src/ingest/ingest-limits.ts'
import { BRONZE_SYSTEM_COLUMNS, type BronzeTable, type FilesSource } from '../../../src/lake/lake.ts'
import { quarantineIdentifier } from '../../../src/lake/quarantine.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import type { Engine, EngineValue } from '../../../src/table/engine.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { planScan } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import type { TableContext } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { identifierKey, parseIdentifier, type TableIdentifier } from '../../../src/table-identifier.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'

export interface BronzeOptions {
  readonly columns?: Readonly<Record<string, Type>>
  readonly onNewColumn?: BronzeTable['onNewColumn']
  readonly glob?: string
  readonly format?: FilesSource['format']
  readonly onChange?: FilesSource['onChange']
  readonly csv?: FilesSource['csv']
  readonly name?: string
  readonly partitionBy?: readonly string[]
}

const site = { file: 'lake.ts', line: 1, column: 1 }

/** A bronze declaration, as the checking of a project would give it. */
export function bronzeTable(options: BronzeOptions = {}): BronzeTable {
  const {
    columns,
    onNewColumn = 'rescue',
    glob = 'inbox/*',
    format = 'auto',
    onChange = 'append',
    csv,
  } = options
  const declared = columns && Object.entries(columns).map(([name, type]) => ({ name, type }))
  return {
    kind: 'bronze',
    identifier: parseIdentifier(options.name ?? 'bronze.events'),
    tier: 'bronze',
    exportName: 'events',
    site,
    partitionBy: options.partitionBy ?? [],
    sources: [{ type: 'files', glob, format, onChange, site, ...(csv && { csv }) }],
    declared,
    columns: [...(declared ?? [{ name: 'payload', type: 'string' }]), ...BRONZE_SYSTEM_COLUMNS],
    onNewColumn,
    definitionHash: '',
  }
}

/** A project's folder with a catalog, an engine and a loader. Close it. */
export class IngestLab {
  readonly folder: string
  readonly context: TableContext
  readonly engine: Engine
  readonly loader: FileLoader
  #changes = 0

  private constructor(folder: string, context: TableContext, limits: IngestLimits) {
    this.folder = folder
    this.context = context
    const log = createLog({ level: 'silent' })
    this.engine = createDuckdbEngine({
      workers: 2,
      threads: 1,
      memoryLimitBytes: 1024 * 1024 * 1024,
      timeLimitMs: 60_000,
      tempFolder: join(folder, 'temp'),
      log,
      metrics: createMetrics(),
    })
    const projectFolder = join(folder, 'project')
    const tempFolder = join(folder, 'temp')
    this.loader = createFileLoader({ context, engine: this.engine, projectFolder, tempFolder, log, limits })
  }

  static async open(limits: Partial<IngestLimits> = {}): Promise<IngestLab> {
    const folder = await mkdtemp(join(tmpdir(), 'ingot-ingest-'))
    const io = createLocalFileIO()
    const store = await createLibsqlStore({ file: join(folder, 'catalog.db'), clock: systemClock })
    const parts = { io, clock: systemClock, random: systemRandom }
    const catalog = createLocalCatalog({ ...parts, store, root: `file://${join(folder, 'lake')}` })
    await mkdir(join(folder, 'project', 'inbox'), { recursive: true })
    const context = { ...parts, catalog, manifests: createManifestCache() }
    return new IngestLab(folder, context, { ...DEFAULT_INGEST_LIMITS, ...limits })
  }

  path(name: string): string {
    return join(this.folder, 'project', name)
  }

  /** Writes a file of the project; each write has a later time of change than the one before, however fast they follow. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const path = this.path(name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    this.#changes += 1
    await utimes(path, 1_700_000_000, 1_700_000_000 + this.#changes)
  }

  /** One run: plan, stage, finish, commit. */
  async load(table: BronzeTable): Promise<FileLoadReport> {
    const { report } = await this.stage(table, new Transaction(this.context))
    return report
  }

  async stage(
    table: BronzeTable,
    transaction: Transaction,
  ): Promise<{ report: FileLoadReport; committed: CommitResult | undefined }> {
    const plan = await this.loader.plan(table, transaction)
    const report = await this.loader.stage(table, plan, transaction)
    await this.loader.finish(transaction, new Map([[identifierKey(table.identifier), report]]))
    const committed = await transaction.commit({ idempotencyKey: crypto.randomUUID() })
    return { report, committed }
  }

  /** The rows of columns (SQL expressions) of a table, in the order of source and position. */
  async rows(
    identifier: TableIdentifier | string,
    expressions: string,
  ): Promise<readonly (readonly EngineValue[])[]> {
    const id = typeof identifier === 'string' ? parseIdentifier(identifier) : identifier
    const { metadata } = await this.context.catalog.loadTable(id)
    const plan = await planScan(this.context, metadata)
    const select = `SELECT ${expressions} FROM (${scanSql(metadata, plan)}) ORDER BY _source, _position`
    const result = await this.engine.session({}, session => session.query(select))
    return result.rows
  }

  async quarantined(table: BronzeTable, expressions: string): Promise<readonly (readonly EngineValue[])[]> {
    const id = quarantineIdentifier(table.identifier)
    const tables = await this.context.catalog.listTables(id.namespace)
    if (!tables.some(({ name }) => name === id.name)) return []
    return await this.rows(id, expressions)
  }

  async close(): Promise<void> {
    await this.engine.close()
    await this.context.catalog.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
