// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are the code of projects
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createDuckdbEngine } from '../../../src/engine/duckdb-engine.ts'
import { isIngotError } from '../../../src/errors.ts'
import { checkLake } from '../../../src/lake/check-lake.ts'
import type { Lake, LakeTable } from '../../../src/lake/lake.ts'
import { type LoadedProject, loadProject } from '../../../src/lake/load-project.ts'
import type { Mistake } from '../../../src/lake/mistake.ts'
import type { Engine } from '../../../src/table/engine.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'

/** Files by path, in a folder of their own while `work` runs. */
export async function withFolder<T>(
  files: Readonly<Record<string, string>>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'ingot-lake-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The project of `files` (or of one `lake.ts`), loaded. */
export function loadFiles(files: Readonly<Record<string, string>> | string): Promise<LoadedProject> {
  return withFolder(typeof files === 'string' ? { 'lake.ts': files } : files, projectFolder =>
    loadProject({ projectFolder, cacheFolder: join(projectFolder, '.ingot', 'cache') }),
  )
}

/** The project of `files`, loaded and checked. */
export function checkFiles(files: Readonly<Record<string, string>> | string, engine: Engine): Promise<Lake> {
  return withFolder(typeof files === 'string' ? { 'lake.ts': files } : files, async projectFolder =>
    checkLake(
      await loadProject({ projectFolder, cacheFolder: join(projectFolder, '.ingot', 'cache') }),
      engine,
    ),
  )
}

/** What DECLARATION_INVALID of `attempt` says: every mistake, and the whole message. */
export async function mistakesOf(
  attempt: Promise<unknown>,
): Promise<{ readonly mistakes: readonly Mistake[]; readonly message: string }> {
  try {
    await attempt
  } catch (error) {
    if (!isIngotError(error, 'DECLARATION_INVALID')) throw error
    return { mistakes: (error.context.mistakes ?? []) as readonly Mistake[], message: error.message }
  }
  return assert.fail('the project was found right')
}

/** The table of `lake` with that name. */
export function tableOf(lake: Lake, id: string): LakeTable {
  const table = lake.tables.find(
    ({ identifier }) => `${identifier.namespace.join('.')}.${identifier.name}` === id,
  )
  assert.ok(table, `no table ${id}`)
  return table
}

export interface TestEngine extends AsyncDisposable {
  readonly engine: Engine
}

/** An engine of one worker with a folder of its own. */
export async function startEngine(): Promise<TestEngine> {
  const tempFolder = await mkdtemp(join(tmpdir(), 'ingot-lake-engine-'))
  const engine = createDuckdbEngine({
    workers: 1,
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 1,
    timeLimitMs: 30_000,
    tempFolder,
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  })
  return {
    engine,
    [Symbol.asyncDispose]: async () => {
      await engine.close()
      await rm(tempFolder, { recursive: true, force: true })
    },
  }
}

/** The code of a project with one bronze table; what follows it begins at line 6. */
export const READINGS = `import { bronze, files, gold, silver, sql, t } from 'ingot'
export const readings = bronze('readings', {
  from: files('inbox/*.ndjson'),
  columns: { vehicle: t.string(), at: t.timestamp(), speed_kmh: t.double() },
})
`

/** The code that declares `silver.clean`. */
export const cleanTable = (text: string, options = ''): string =>
  `export const clean = silver('clean', { query: sql\`${text}\`${options} })\n`
