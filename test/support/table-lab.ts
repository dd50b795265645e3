import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Catalog, LoadedTable } from '../../src/catalog/catalog.ts'
import { createLibsqlStore } from '../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../src/catalog/local-catalog.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { createDuckdbEngine } from '../../src/engine/duckdb-engine.ts'
import type { TableMetadata } from '../../src/format/metadata-types.ts'
import { buildPartitionSpec } from '../../src/format/partition-spec.ts'
import type { Schema, Type } from '../../src/format/types.ts'
import { systemRandom } from '../../src/random.ts'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import { writeDataFiles } from '../../src/table/data-files.ts'
import type { EngineSession, EngineValue } from '../../src/table/engine.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { type PlanScanOptions, planScan } from '../../src/table/scan.ts'
import { type ScanSqlOptions, scanSql } from '../../src/table/scan-sql.ts'
import { openTable } from '../../src/table/stage.ts'
import { stageAppend } from '../../src/table/stage-delta.ts'
import type { StagedTable, TableContext } from '../../src/table/staged-table.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

let tablesCreated = 0

/** Tables in a temporary folder with a real catalog and a real engine, of which it holds one session. Close it. */
export class TableLab {
  readonly folder: string
  readonly context: TableContext
  readonly session: EngineSession
  readonly #closeSession: () => Promise<void>

  private constructor(folder: string, context: TableContext, session: HeldSession) {
    this.folder = folder
    this.context = context
    this.session = session.session
    this.#closeSession = session.close
  }

  /** `clock` is that of the catalog and of what is staged. */
  static async open(clock: Clock = systemClock): Promise<TableLab> {
    const folder = await mkdtemp(join(tmpdir(), 'ingot-table-'))
    const io = createLocalFileIO()
    const store = await createLibsqlStore({ file: join(folder, 'catalog.db'), clock: systemClock })
    const catalog = createLocalCatalog({
      store,
      io,
      clock,
      random: systemRandom,
      root: `file://${folder}`,
    })
    await catalog.createNamespace(['lab'])
    const context = {
      io,
      catalog,
      clock,
      random: systemRandom,
      manifests: createManifestCache(),
    }
    return new TableLab(folder, context, await holdSession(join(folder, 'temp')))
  }

  /** A table of nullable columns, by name and type. */
  create(
    columns: Readonly<Record<string, Type>>,
    partitionBy: readonly string[] = [],
    formatVersion: 2 | 3 = 2,
  ): Promise<LoadedTable> {
    const schema = schemaOf(columns)
    tablesCreated += 1
    return this.context.catalog.createTable({
      identifier: { namespace: ['lab'], name: `t${tablesCreated}` },
      schema,
      partitionSpec: buildPartitionSpec(schema, partitionBy).spec,
      formatVersion,
    })
  }

  async commit(staged: StagedTable, catalog: Catalog = this.context.catalog): Promise<LoadedTable> {
    const { identifier, requirements, updates } = staged
    const result = await catalog.commit([{ identifier, requirements, updates }], {
      idempotencyKey: crypto.randomUUID(),
    })
    const [table] = result.tables
    if (table === undefined) throw new Error('the commit names no table')
    return table
  }

  /** Commits the rows of a SELECT as one append. */
  async append(table: LoadedTable, select: string): Promise<LoadedTable> {
    const files = await writeDataFiles(this.context, this.session, table.metadata, { select })
    return this.commit(await stageAppend(this.context, openTable(table), files))
  }

  /** The SELECT of a scan, planned from what is in the files: the context's cache has manifests as they were staged. */
  async scan(metadata: TableMetadata, options: PlanScanOptions & ScanSqlOptions = {}): Promise<string> {
    const context = { io: this.context.io, manifests: createManifestCache() }
    return scanSql(metadata, await planScan(context, metadata, options), options)
  }

  /** The rows of a table as sorted lines of JSON. */
  async rows(metadata: TableMetadata, options: PlanScanOptions & ScanSqlOptions = {}): Promise<string[]> {
    return this.lines(await this.scan(metadata, options))
  }

  /** The rows of a SELECT as sorted lines of JSON. */
  async lines(sql: string): Promise<string[]> {
    const { rows } = await this.session.query(sql)
    return rows.map(row => JSON.stringify(row.map(printable))).sort()
  }

  async close(): Promise<void> {
    await this.#closeSession()
    await this.context.catalog.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A schema of nullable columns with ids from 1 on; ids inside nested types are for the catalog to assign. */
export function schemaOf(columns: Readonly<Record<string, Type>>): Schema {
  const fields = Object.entries(columns).map(([name, type], index) => ({
    id: index + 1,
    name,
    required: false,
    type,
  }))
  return { type: 'struct', 'schema-id': 0, fields }
}

interface HeldSession {
  readonly session: EngineSession
  readonly close: () => Promise<void>
}

async function holdSession(tempFolder: string): Promise<HeldSession> {
  await mkdir(tempFolder)
  const engine = createDuckdbEngine({
    workers: 1,
    memoryLimitBytes: 1e9,
    threads: 2,
    timeLimitMs: 60_000,
    tempFolder,
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  })
  return new Promise((resolve, reject) => {
    engine
      .session({ label: 'lab' }, async session => {
        await new Promise<void>(release => {
          const close = async (): Promise<void> => {
            release()
            await engine.close()
          }
          resolve({ session, close })
        })
      })
      .catch(reject)
  })
}

function printable(value: EngineValue): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, printable(inner)]))
  }
  return value
}
