import assert from 'node:assert/strict'
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Catalog, LoadedTable } from '../../src/catalog/catalog.ts'
import { createRestCatalog } from '../../src/catalog/rest-catalog.ts'
import { systemClock } from '../../src/clock.ts'
import { createDuckdbEngine } from '../../src/engine/duckdb-engine.ts'
import { currentSchema } from '../../src/format/schema.ts'
import type { RunReport } from '../../src/pipeline/run-report.ts'
import { systemRandom } from '../../src/random.ts'
import type { RoleMessage } from '../../src/roles/role-message.ts'
import { quoteIdentifier, quoteLiteral } from '../../src/sql-text.ts'
import { formatIdentifier, parseIdentifier } from '../../src/table-identifier.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { InteropStore } from './interop-store.ts'
import { DUCKDB, factsSql, readFacts, type TableFacts } from './table-facts.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

const execute = promisify(execFile)

/** The projects that the tests run: what `ingot init` gives, and the flights example on a part of its rows. */
export type Project = 'template' | { readonly flightRows: number | 'all' }

interface FactsRequest {
  readonly table: LoadedTable
  /** @default every row */
  readonly where?: string
}

/** A project in a temporary folder, run by the command line, its catalog served on a free port. Dispose of it. */
export class InteropLake implements AsyncDisposable {
  readonly folder: string
  readonly url: string
  readonly catalog: Catalog
  readonly store: InteropStore
  readonly #server: ChildProcess

  private constructor(folder: string, url: string, store: InteropStore, server: ChildProcess) {
    this.folder = folder
    this.url = url
    this.store = store
    this.#server = server
    this.catalog = createRestCatalog({ url, clock: systemClock, random: systemRandom })
  }

  /** @param store where the lake is; by default in the project's folder, its catalog with it */
  static async open(project: Project, store: InteropStore = { environment: {} }): Promise<InteropLake> {
    const folder = await mkdtemp(join(tmpdir(), 'ingot-interop-'))
    if (project === 'template') await copyProject(join(ROOT, 'templates', 'default'), folder)
    else await copyFlights(folder, project.flightRows)
    const environment = {
      ...process.env,
      ...store.environment,
      INGOT_HTTP_PORT: '0',
      INGOT_LOG_LEVEL: 'warn',
    }
    const args = ['start', '--role', 'catalog', '--project', folder]
    const server = fork(CLI, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    return new InteropLake(folder, await listening(server), store, server)
  }

  /** `ingot run`: its report. */
  async run(...args: readonly string[]): Promise<RunReport> {
    return JSON.parse(await this.#command('run', ...args)) as RunReport
  }

  /** `ingot query`: its rows. */
  async query<Row>(sql: string, ...args: readonly string[]): Promise<readonly Row[]> {
    return JSON.parse(await this.#command('query', sql, ...args)) as Row[]
  }

  load(name: string): Promise<LoadedTable> {
    return this.catalog.loadTable(parseIdentifier(name))
  }

  async tables(): Promise<readonly LoadedTable[]> {
    const namespaces = await this.catalog.listNamespaces()
    const names = (await Promise.all(namespaces.map(each => this.catalog.listTables(each)))).flat()
    return await Promise.all(names.map(name => this.catalog.loadTable(name)))
  }

  /** What Ingot itself reads from each of these tables, by the table's name. */
  async facts(tables: readonly LoadedTable[]): Promise<Map<string, TableFacts>> {
    const facts = await this.readFacts(tables.map(table => ({ table })))
    return new Map(facts.map((each, index) => [nameOf(tables[index]), each]))
  }

  async factsOf(table: LoadedTable, at?: string): Promise<TableFacts> {
    const [facts] = await this.readFacts([{ table }], at)
    assert(facts !== undefined)
    return facts
  }

  /** What Ingot reads, by one query; in the order of the requests. `at` as in `ingot query --at`. */
  async readFacts(requests: readonly FactsRequest[], at?: string): Promise<readonly TableFacts[]> {
    const selects = requests.map(({ table: { identifier, metadata }, where = 'true' }, place) => {
      const from = `${quoteIdentifier(identifier.namespace.join('.'))}.${quoteIdentifier(identifier.name)}`
      const facts = factsSql(currentSchema(metadata).fields, DUCKDB)
      return `SELECT ${place} AS place, ${facts} AS facts FROM ${from} WHERE ${where}`
    })
    type Row = { readonly place: number; readonly facts: readonly (string | null)[] }
    const rows = await this.query<Row>(selects.join(' UNION ALL '), ...(at === undefined ? [] : ['--at', at]))
    return requests.map(({ table }, place) => {
      const row = rows.find(candidate => candidate.place === place)
      assert(row !== undefined, nameOf(table))
      return readFacts(currentSchema(table.metadata).fields, row.facts)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.catalog.close()
    const ended = new Promise(resolve => this.#server.once('exit', resolve))
    if (this.#server.exitCode === null) {
      this.#server.kill('SIGTERM')
      await ended
    }
    await rm(this.folder, { recursive: true, force: true })
  }

  async #command(name: string, ...args: readonly string[]): Promise<string> {
    const options = {
      env: {
        ...process.env,
        ...this.store.environment,
        INGOT_CATALOG_URL: this.url,
        INGOT_LOG_LEVEL: 'warn',
      },
      maxBuffer: OUTPUT_BYTES_MAX,
    }
    const commandLine = [CLI, name, ...args, '--json', '--project', this.folder]
    try {
      return (await execute(process.execPath, commandLine, options)).stdout
    } catch (error) {
      // Not the command, which holds long queries, but what it said.
      const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string }
      throw new Error(`ingot ${name} failed: ${stderr}${stdout}`)
    }
  }
}

function nameOf(table: LoadedTable | undefined): string {
  assert(table !== undefined)
  return formatIdentifier(table.identifier)
}

function listening(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    server.on('message', (message: RoleMessage) => {
      if (message.type === 'listening') resolve(message.url)
    })
    server.once('exit', code => reject(new Error(`the catalog ended with ${code} before it listened`)))
  })
}

/** Without the lake that somebody made there by running it. */
async function copyProject(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: path => !path.slice(from.length).startsWith('/.ingot') })
}

/** The example as it is; what it finds as the package vega-datasets has the first of the flights. */
async function copyFlights(folder: string, rows: number | 'all'): Promise<void> {
  await copyProject(join(ROOT, 'examples', 'flights'), folder)
  const original = join(ROOT, 'node_modules', 'vega-datasets')
  const copy = join(folder, 'node_modules', 'vega-datasets')
  if (rows === 'all') {
    await mkdir(dirname(copy))
    return await symlink(original, copy)
  }
  await mkdir(join(copy, 'data'), { recursive: true })
  await mkdir(join(copy, 'build'))
  await writeFile(join(copy, 'package.json'), '{"name":"vega-datasets","main":"build/index.js"}')
  await writeFile(join(copy, 'build', 'index.js'), '')
  await cp(join(original, 'data', 'airports.csv'), join(copy, 'data', 'airports.csv'))
  const [from, to] = [original, copy].map(each => quoteLiteral(join(each, 'data', 'flights-3m.parquet')))
  await runSql(join(folder, '.temp'), `COPY (SELECT * FROM ${from} LIMIT ${rows}) TO ${to} (FORMAT parquet)`)
}

async function runSql(tempFolder: string, sql: string): Promise<void> {
  const engine = createDuckdbEngine({
    workers: 1,
    memoryLimitBytes: 1e9,
    threads: 1,
    timeLimitMs: 120_000,
    tempFolder,
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  })
  try {
    await engine.session({ label: 'interop' }, session => session.query(sql))
  } finally {
    await engine.close()
  }
}
