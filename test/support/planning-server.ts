import assert from 'node:assert/strict'
import type { LoadedTable } from '../../src/catalog/catalog.ts'
import { parseJson, stringifyJson } from '../../src/json.ts'
import { systemRandom } from '../../src/random.ts'
import { createHttpApp } from '../../src/server/http-app.ts'
import { createIcebergRest } from '../../src/server/iceberg-rest.ts'
import type { ScanPlanningOptions } from '../../src/server/scan-planning-routes.ts'
import { createManifestCache } from '../../src/table/manifest-cache.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Json } from './rest-server.ts'
import type { TableLab } from './table-lab.ts'

interface Answer {
  readonly status: number
  readonly body: Json
}

/** A file of a plan. */
export interface PlannedFile {
  readonly path: string
  readonly residual: unknown
  readonly dataFile: Json
  readonly deleteFiles: readonly Json[]
}

/** The server's scan planning over the tables of a lab, asked as engines do. */
export class PlanningServer {
  readonly #lab: TableLab
  readonly #options: Partial<ScanPlanningOptions>

  constructor(lab: TableLab, options: Partial<ScanPlanningOptions> = {}) {
    this.#lab = lab
    this.#options = options
  }

  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#ask(method, path, body)
    const text = await response.text()
    return { status: response.status, body: (text === '' ? null : parseJson(text)) as Json }
  }

  /** A plan as it is printed. */
  async text(table: LoadedTable): Promise<string> {
    return await (await this.#ask('POST', `${pathOf(table)}/plan`, {})).text()
  }

  /** Each request goes to another server: none can rely on what one before it remembers. */
  async #ask(method: string, path: string, body: unknown): Promise<Response> {
    const metrics = createMetrics()
    const { io, catalog } = this.#lab.context
    const scans = { files: { io, manifests: createManifestCache() }, isConfined: true, ...this.#options }
    const rest = createIcebergRest({ catalog, random: systemRandom, metrics, scans })
    const app = createHttpApp({ metrics, log: createLog({ level: 'silent' }), routes: [rest] })
    return await app.request(`http://127.0.0.1${path}`, {
      method,
      headers: { host: '127.0.0.1' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : stringifyJson(body) }),
    })
  }

  plan(table: LoadedTable, body: unknown = {}): Promise<Answer> {
    return this.send('POST', `${pathOf(table)}/plan`, body)
  }

  /** The files of a whole plan, those of its tasks too, and how many answers had them. */
  async files(
    table: LoadedTable,
    body: unknown = {},
  ): Promise<{ readonly files: readonly PlannedFile[]; readonly answers: number }> {
    const first = await this.plan(table, body)
    assert.equal(first.status, 200, stringifyJson(first.body))
    assert.equal(first.body.status, 'completed')
    const files = [...filesOf(first.body)]
    const pending = [...planTasksOf(first.body)]
    let answers = 1
    for (let task = pending.shift(); task !== undefined; task = pending.shift()) {
      const next = await this.send('POST', `${pathOf(table)}/tasks`, { 'plan-task': task })
      assert.equal(next.status, 200, stringifyJson(next.body))
      files.push(...filesOf(next.body))
      pending.push(...planTasksOf(next.body))
      answers += 1
    }
    return { files, answers }
  }

  async paths(table: LoadedTable, body: unknown = {}): Promise<readonly string[]> {
    return (await this.files(table, body)).files.map(({ path }) => path).toSorted()
  }
}

/** The path of a table in the API. */
export function pathOf({ identifier }: LoadedTable): string {
  return `/v1/namespaces/${identifier.namespace.join('%1F')}/tables/${identifier.name}`
}

/** What is still to be fetched. */
export function planTasksOf(answer: Json): readonly string[] {
  return (answer['plan-tasks'] ?? []) as unknown as readonly string[]
}

function filesOf(answer: Json): readonly PlannedFile[] {
  const deletes = (answer['delete-files'] ?? []) as readonly Json[]
  return (answer['file-scan-tasks'] as readonly Json[]).map(task => {
    const dataFile = task['data-file'] as Json
    const references = (task['delete-file-references'] ?? []) as unknown as readonly number[]
    return {
      path: String(dataFile['file-path']),
      residual: task['residual-filter'],
      dataFile,
      deleteFiles: references.map(place => {
        const file = deletes[place]
        assert(file !== undefined)
        return file
      }),
    }
  })
}
