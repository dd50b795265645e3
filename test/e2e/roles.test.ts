import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { IngotProcess, ingot, runIngot, until } from './ingot-process.ts'
import { LakeReader } from './lake-reader.ts'
import { deliverReadings, makeReadingsProject, READINGS_LAKE, TOTALS, VEHICLES } from './readings-lake.ts'
import { withFolder } from './state.ts'

const ROWS_PER_FILE = 300

/** A project whose inbox fills as a test says. Dispose of it. */
class FillingLake implements AsyncDisposable {
  readonly project: string
  readonly #reader: LakeReader
  #files = 0

  private constructor(project: string, reader: LakeReader) {
    this.project = project
    this.#reader = reader
  }

  static async make(project: string): Promise<FillingLake> {
    await makeReadingsProject(project)
    const lake = new FillingLake(project, await LakeReader.open(project))
    await lake.deliver()
    return lake
  }

  /** One more file arrives, whole. */
  async deliver(): Promise<void> {
    const first = this.#files * ROWS_PER_FILE
    const rows = Array.from({ length: ROWS_PER_FILE }, (_, index) => [first + index, first + index] as const)
    await deliverReadings(this.project, `readings-${String(this.#files).padStart(4, '0')}`, rows)
    this.#files += 1
  }

  /** What gold must hold of all the files that came. */
  expectedTotals(): unknown {
    const rows = this.#files * ROWS_PER_FILE
    return Array.from({ length: VEHICLES }, (_, vehicle) => {
      const speeds = Array.from({ length: rows / VEHICLES }, (_, index) => index * VEHICLES + vehicle)
      return [`v${vehicle}`, rows / VEHICLES, speeds.reduce((sum, speed) => sum + speed, 0)]
    })
  }

  /** Resolves when gold holds all that came, exactly; every file was taken once. */
  async untilAllIsIn(): Promise<void> {
    const expected = JSON.stringify(this.expectedTotals())
    await until(`gold.totals to be ${expected}`, async () =>
      JSON.stringify(await this.#reader.rows(TOTALS)) === expected ? true : undefined,
    )
    const taken = 'select count(*)::integer, count(distinct source)::integer from system.files'
    assert.deepEqual(await this.#reader.rows(taken), [[this.#files, this.#files]])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }
}

/** A lake that keeps running on a port of its own, looking for files several times a second. */
const KEEPS_RUNNING = { INGOT_HTTP_PORT: '0', INGOT_PIPELINE_INTERVAL_SECONDS: '0.2' }

/** The process that a role runs as, at its n-th start. */
async function untilStarted(supervisor: IngotProcess, role: string, nth: number): Promise<number> {
  const [, pid] = await supervisor.untilStderr(
    new RegExp(`(?:${role} runs as process (\\d+)[\\s\\S]*?){${nth}}`),
  )
  return Number(pid)
}

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a catalog and a pipeline that are killed come back, and nothing is lost or there twice', async () => {
  await withFolder(async folder => {
    await using lake = await FillingLake.make(folder)
    await using supervisor = new IngotProcess(['start', '-p', folder], { environment: KEEPS_RUNNING })
    const catalog = await untilStarted(supervisor, 'catalog', 1)
    const pipeline = await untilStarted(supervisor, 'pipeline', 1)
    const [, url = ''] = await supervisor.untilStderr(/catalog \(Iceberg REST\) at (\S+);/)
    await lake.untilAllIsIn()

    await lake.deliver()
    process.kill(catalog, 'SIGKILL')
    await lake.deliver()
    const secondCatalog = await untilStarted(supervisor, 'catalog', 2)
    await lake.untilAllIsIn()
    assert.ok(lives(pipeline), 'the pipeline outlives the catalog')

    await lake.deliver()
    process.kill(pipeline, 'SIGKILL')
    await lake.deliver()
    const secondPipeline = await untilStarted(supervisor, 'pipeline', 2)
    await lake.untilAllIsIn()
    assert.ok(lives(secondCatalog), 'the catalog outlives the pipeline')

    await lake.deliver()
    process.kill(secondCatalog, 'SIGKILL')
    process.kill(secondPipeline, 'SIGKILL')
    await lake.deliver()
    await untilStarted(supervisor, 'catalog', 3)
    await untilStarted(supervisor, 'pipeline', 3)
    await lake.untilAllIsIn()
    const answer = await fetch(`${url}/v1/namespaces`)
    assert.equal(answer.status, 200, 'the catalog is where it was')

    supervisor.signal('SIGTERM')
    assert.deepEqual(await supervisor.ended, { code: 0, signal: null })
    await supervisor.untilGroupIsGone()
  })
})

test('when the supervisor is killed none of its processes stays', async () => {
  await withFolder(async folder => {
    await using lake = await FillingLake.make(folder)
    await using supervisor = new IngotProcess(['start', '-p', folder], { environment: KEEPS_RUNNING })
    await untilStarted(supervisor, 'pipeline', 1)
    await lake.untilAllIsIn()
    supervisor.signal('SIGKILL')
    await supervisor.untilGroupIsGone()
    await lake.deliver()
    await ingot(['run', '-p', folder])
    await lake.untilAllIsIn()
  })
})

test('a port that is taken ends the start with code 2 and an error that names it', async () => {
  await withFolder(async folder => {
    await makeReadingsProject(folder)
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    try {
      const { port } = taken.address() as AddressInfo
      const environment = { ...KEEPS_RUNNING, INGOT_HTTP_PORT: String(port) }
      const { code, stderr } = await runIngot(['start', '-p', folder], { environment })
      assert.equal(code, 2, stderr)
      assert.match(stderr, new RegExp(`error CONFIG_INVALID cannot listen on 127\\.0\\.0\\.1 port ${port}`))
      assert.match(stderr, /hint {2}choose another http\.port/)
    } finally {
      taken.close()
    }
  })
})

test('a mistake in lake.ts ends the start with code 2, its file and line', async () => {
  await withFolder(async folder => {
    await makeReadingsProject(folder)
    await writeFile(join(folder, 'lake.ts'), READINGS_LAKE.replace('sum(speed)', 'sum(sped)'))
    await using supervisor = new IngotProcess(['start', '-p', folder], { environment: KEEPS_RUNNING })
    const { code } = await supervisor.ended
    assert.equal(code, 2, supervisor.stderr)
    assert.match(supervisor.stderr, /error DECLARATION_INVALID/)
    assert.match(supervisor.stderr, /lake\.ts:14/)
    await supervisor.untilGroupIsGone()
  })
})
