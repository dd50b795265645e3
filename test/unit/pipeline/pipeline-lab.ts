import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLibsqlStore } from '../../../src/catalog/libsql-store.ts'
import { createLocalCatalog } from '../../../src/catalog/local-catalog.ts'
import { systemClock } from '../../../src/clock.ts'
import { createDuckdbEngine } from '../../../src/engine/duckdb-engine.ts'
import { IngotError } from '../../../src/errors.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import type { Schema } from '../../../src/format/types.ts'
import type {
  BronzeTable,
  Expectation,
  Lake,
  LakeColumn,
  LakeTable,
  MapTable,
  QueryTable,
} from '../../../src/lake/lake.ts'
import type { BronzeLoader, StagedLoad } from '../../../src/pipeline/bronze-loader.ts'
import type { PipelineDependencies } from '../../../src/pipeline/run-options.ts'
import type { RunReport } from '../../../src/pipeline/run-report.ts'
import { systemRandom } from '../../../src/random.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import type { Engine, EngineSession } from '../../../src/table/engine.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { planScan } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import { fromSqlType, toSqlType } from '../../../src/table/sql-types.ts'
import { stageCreate } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import type { StagedTable, TableContext } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { formatIdentifier, identifierKey, parseIdentifier } from '../../../src/table-identifier.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'

const SITE = { file: 'lake.ts', line: 1, column: 1 }

interface DerivedDeclaration {
  readonly key?: readonly string[]
  readonly orderBy?: string
  readonly deleteWhen?: string
  readonly expect?: Readonly<Record<string, readonly [check: string, otherwise: Expectation['otherwise']]>>
  readonly partitionBy?: readonly string[]
}

/** A table as a test declares it, by name; `sql` may name tables plainly. */
export type Declaration =
  | { readonly columns: Readonly<Record<string, string>> }
  | (DerivedDeclaration & { readonly sql: string })
  | (DerivedDeclaration & {
      readonly from: string
      readonly map: string
      readonly columns: Readonly<Record<string, string>>
      readonly version?: number
    })

/** A real engine for the labs of one test file. */
export async function openLabEngine(): Promise<{ engine: Engine; folder: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-pipeline-'))
  await mkdir(join(folder, 'temp'))
  const engine = createDuckdbEngine({
    workers: 2,
    memoryLimitBytes: 1e9,
    threads: 1,
    timeLimitMs: 60_000,
    tempFolder: join(folder, 'temp'),
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  })
  return {
    engine,
    folder,
    close: async () => {
      await engine.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A lake in a temporary folder: bronze rows are put in by SQL, derived tables are the pipeline's. Close it. */
export class PipelineLab {
  readonly context: TableContext
  readonly dependencies: PipelineDependencies
  readonly engine: Engine
  readonly #folder: string
  readonly #queued = new Map<string, string[]>()
  #maps = 0

  private constructor(folder: string, engine: Engine, context: TableContext) {
    this.#folder = folder
    this.engine = engine
    this.context = context
    this.dependencies = {
      context,
      engine,
      loader: this.#createLoader(),
      log: createLog({ level: 'silent' }),
      metrics: createMetrics(),
      clock: systemClock,
      random: systemRandom,
    }
  }

  static async open(engine: Engine): Promise<PipelineLab> {
    const folder = await mkdtemp(join(tmpdir(), 'ingot-pipeline-'))
    const parts = { io: createLocalFileIO(), clock: systemClock, random: systemRandom }
    const store = await createLibsqlStore({ file: join(folder, 'catalog.db'), clock: systemClock })
    const catalog = createLocalCatalog({ ...parts, store, root: `file://${folder}/lake` })
    for (const namespace of ['bronze', 'silver']) await catalog.createNamespace([namespace])
    return new PipelineLab(folder, engine, { ...parts, catalog, manifests: createManifestCache() })
  }

  async close(): Promise<void> {
    await this.context.catalog.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** What the next run loads into a bronze table: the rows of a SELECT. */
  load(name: string, select: string): void {
    this.#queued.set(name, [...(this.#queued.get(name) ?? []), select])
  }

  /** Changes one table in a commit of its own, as somebody else would. */
  async change(
    name: string,
    change: (staged: StagedTable, session: EngineSession) => Promise<StagedTable>,
  ): Promise<void> {
    const transaction = new Transaction(this.context)
    await this.engine.session({ label: name }, session =>
      transaction.update(parseIdentifier(name), staged => {
        if (staged === undefined) throw new Error(`there is no table ${name}`)
        return change(staged, session)
      }),
    )
    await transaction.commit({ idempotencyKey: crypto.randomUUID() })
  }

  /** The rows of a table as sorted lines of JSON. */
  async rows(name: string, columns = '*'): Promise<readonly string[]> {
    const sql = await this.scan(name)
    const { rows } = await this.engine.session({ label: name }, session =>
      session.query(
        `SELECT CAST(to_json(r) AS VARCHAR) AS line FROM (SELECT ${columns} FROM (${sql})) AS r ORDER BY line`,
      ),
    )
    return rows.map(([line]) => String(line))
  }

  async scan(name: string): Promise<string> {
    const { metadata } = await this.context.catalog.loadTable(parseIdentifier(name))
    return scanSql(metadata, await planScan(this.context, metadata))
  }

  async snapshotId(name: string): Promise<bigint | undefined> {
    const { metadata } = await this.context.catalog.loadTable(parseIdentifier(name))
    return currentSnapshot(metadata)?.['snapshot-id']
  }

  /** Tables as a loaded project has them, in the order given. */
  async declare(declarations: Readonly<Record<string, Declaration>>): Promise<Lake> {
    this.#maps += 1
    const modulePath = join(this.#folder, `lake-${this.#maps}.mjs`)
    const functions: string[] = []
    const tables: LakeTable[] = []
    await this.engine.session({ label: 'declare' }, async session => {
      for (const [name, declaration] of Object.entries(declarations)) {
        const table = await declareTable(session, name, declaration, Object.keys(declarations))
        tables.push(table)
        if ('map' in declaration)
          functions.push(`export const ${table.exportName} = { map: ${declaration.map} }`)
        const columns = table.columns.map(column => `"${column.name}" ${toSqlType(column.type)}`)
        await session.query(`CREATE SCHEMA IF NOT EXISTS "${table.identifier.namespace[0]}"`)
        await session.query(`CREATE TABLE ${quoted(name)} (${columns.join(', ')})`)
      }
    })
    await writeFile(modulePath, functions.join('\n'))
    return { projectFolder: this.#folder, modulePath, tables }
  }

  #createLoader(): BronzeLoader {
    const queued = (table: BronzeTable): readonly string[] =>
      this.#queued.get(formatIdentifier(table.identifier)) ?? []
    return {
      plan: async table => ({ files: queued(table).length, bytes: queued(table).length, notes: [] }),
      stage: async (table, _plan, transaction) => {
        const selects = queued(table)
        await this.engine.session({ label: 'load' }, session =>
          transaction.update(table.identifier, async before => {
            let staged =
              before ??
              (await stageCreate(this.context, {
                identifier: table.identifier,
                schema: schemaOf(table.columns),
              }))
            for (const select of selects) {
              const files = await writeDataFiles(this.context, session, staged.metadata, { select })
              staged = await stageAppend(this.context, staged, files)
            }
            return staged
          }),
        )
        return report(selects.length)
      },
      finish: async (_transaction, reports) => {
        for (const name of [...this.#queued.keys()])
          if (reports.has(identifierKey(parseIdentifier(name)))) this.#queued.delete(name)
      },
    }
  }
}

function report(files: number): StagedLoad {
  return { files, rows: files, quarantined: 0, rescued: 0, rescuedFields: [], notes: [], bytes: files }
}

function quoted(name: string): string {
  return name
    .split('.')
    .map(part => `"${part}"`)
    .join('.')
}

function schemaOf(columns: readonly LakeColumn[]): Schema {
  const fields = columns.map(({ name, type }, index) => ({ id: index + 1, name, required: false, type }))
  return { type: 'struct', 'schema-id': 0, fields }
}

async function declareTable(
  session: EngineSession,
  name: string,
  declaration: Declaration,
  names: readonly string[],
): Promise<LakeTable> {
  const identifier = parseIdentifier(name)
  const common = {
    identifier,
    exportName: name.replaceAll('.', '_'),
    site: SITE,
    definitionHash: JSON.stringify({ ...declaration, partitionBy: undefined }),
  }
  const columnsOf = (columns: Readonly<Record<string, string>>): readonly LakeColumn[] =>
    Object.entries(columns).map(([column, type]) => ({ name: column, type: fromSqlType(type) }))
  if (!('sql' in declaration) && !('map' in declaration)) {
    const columns = columnsOf(declaration.columns)
    return {
      ...common,
      kind: 'bronze',
      tier: 'bronze',
      partitionBy: [],
      columns,
      sources: [],
      declared: columns,
      onNewColumn: 'rescue',
    }
  }
  const derived = {
    ...common,
    tier: 'silver' as const,
    key: declaration.key ?? [],
    partitionBy: declaration.partitionBy ?? [],
    ...(declaration.orderBy === undefined ? {} : { orderBy: declaration.orderBy }),
    ...(declaration.deleteWhen === undefined ? {} : { deleteWhen: declaration.deleteWhen }),
    expectations: Object.entries(declaration.expect ?? {}).map(([rule, [check, otherwise]]) => ({
      name: rule,
      check,
      otherwise,
      site: SITE,
    })),
  }
  if ('map' in declaration) {
    const map: MapTable = {
      ...derived,
      kind: 'map',
      version: declaration.version ?? 1,
      columns: columnsOf(declaration.columns),
      inputs: [parseIdentifier(declaration.from)],
    }
    return map
  }
  const { rows } = await session.query(`DESCRIBE ${declaration.sql}`)
  const query: QueryTable = {
    ...derived,
    kind: 'query',
    definitionHash: common.definitionHash + JSON.stringify(rows),
    columns: rows.map(([column, type]) => ({ name: String(column), type: fromSqlType(String(type)) })),
    inputs: names
      .filter(other => new RegExp(`\\b${other.replace('.', '\\.')}\\b`).test(declaration.sql))
      .map(parseIdentifier),
    sql: declaration.sql,
    sqlSite: SITE,
  }
  return query
}

/** Asserts that a promise rejects with an IngotError of this code, and gives the error. */
export async function rejectedWith(promise: Promise<unknown>, code: string): Promise<IngotError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof IngotError && error.code === code) return error
    throw error
  }
  throw new Error(`nothing was thrown, expected ${code}`)
}

/** Asserts that one table of a run was refused a rebuild, and gives why and what to do. */
export function refusalIn({ tables }: RunReport): { readonly message: string; readonly hint?: string } {
  const failed = tables.filter(({ status }) => status === 'failed')
  assert.deepEqual(
    failed.map(({ action, error }) => [action, error?.code]),
    [['refuse', 'PLAN_REFUSED']],
  )
  return failed[0]?.error ?? assert.fail('no error')
}
