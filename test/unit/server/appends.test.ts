import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { encodeAppendFiles } from '../../../src/catalog/append-body.ts'
import type { Append } from '../../../src/catalog/appender.ts'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import { RestAppender } from '../../../src/catalog/rest-appender.ts'
import { RestClient } from '../../../src/catalog/rest-client.ts'
import { isIngotError } from '../../../src/errors.ts'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { BEGAN_AT } from '../../../src/format/table-updates.ts'
import { systemRandom } from '../../../src/random.ts'
import { createHttpApp } from '../../../src/server/http-app.ts'
import { createIcebergRest } from '../../../src/server/iceberg-rest.ts'
import { AppendQueue } from '../../../src/table/append-queue.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { readProgress } from '../../../src/table/progress.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { TableLab } from '../../support/table-lab.ts'

const HOST = 'http://127.0.0.1'

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

type Fetch = typeof globalThis.fetch

function serve(): Fetch {
  const { catalog } = lab.context
  const metrics = createMetrics()
  const app = createHttpApp({
    metrics,
    log: createLog({ level: 'silent' }),
    routes: [
      createIcebergRest({ catalog, random: systemRandom, metrics, appends: new AppendQueue(lab.context) }),
    ],
  })
  return async (url, init) =>
    app.request(String(url), { ...init, headers: { ...init?.headers, host: '127.0.0.1' } })
}

function appenderOver(fetch: Fetch): RestAppender {
  const clock = { ...lab.context.clock, sleep: (_ms: number, signal?: AbortSignal) => untilAborted(signal) }
  return new RestAppender(
    new RestClient({ url: HOST, clock, random: systemRandom, fetch, attemptsMax: 6, timeoutMs: 60_000 }),
  )
}

/** Pauses end at once; the time limit of a request, which is aborted when it is answered, is never reached. */
function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return Promise.resolve()
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

const filesOf = (table: LoadedTable, value: number) =>
  writeDataFiles(lab.context, lab.session, table.metadata, {
    select: `SELECT ${value} AS v, 'p' || ${value} AS part`,
  })

async function valuesOf(table: LoadedTable): Promise<string[]> {
  const { metadata } = await lab.context.catalog.loadTable(table.identifier)
  return lab.lines(`SELECT v FROM (${await lab.scan(metadata)})`)
}

/** Before any file of these tests is written. */
const BEGAN_AT_MS = Date.now()

const appendOf = async (table: LoadedTable, value: number): Promise<Append> => ({
  ...{ idempotencyKey: crypto.randomUUID(), beganAtMs: BEGAN_AT_MS, files: await filesOf(table, value) },
})

test('files with their bounds, partitions and progress arrive as they were sent', async () => {
  const table = await lab.create({ v: 'int', part: 'string' }, ['part'])
  const appender = appenderOver(serve())
  const files = await filesOf(table, 1)
  await appender.append(table, {
    ...{ idempotencyKey: crypto.randomUUID(), beganAtMs: BEGAN_AT_MS, files },
    progress: [{ key: 'kafka/0', next: { kafkaOffset: '9007199254740993' } }],
  })
  const { metadata } = await lab.context.catalog.loadTable(table.identifier)
  assert.deepEqual(await valuesOf(table), ['[1]'])
  assert.deepEqual(readProgress(metadata), { 'kafka/0': { kafkaOffset: '9007199254740993' } })
  assert.equal(currentSnapshot(metadata)?.summary[BEGAN_AT], `${BEGAN_AT_MS}`)
})

test('an answer that is lost once, or a hundred times, adds nothing twice', async () => {
  const table = await lab.create({ v: 'int', part: 'string' }, ['part'])
  const server = serve()
  let calls = 0
  const lossy: Fetch = async (url, init) => {
    const answer = await server(url, init)
    calls += 1
    if (calls % 3 !== 0) throw new TypeError('the connection was reset')
    return answer
  }
  const appender = appenderOver(lossy)
  for (let value = 0; value < 34; value += 1) {
    await appender.append(table, await appendOf(table, value))
  }
  assert.equal(calls, 102)
  assert.equal((await valuesOf(table)).length, 34)
  const { metadata } = await lab.context.catalog.loadTable(table.identifier)
  assert.equal(metadata.snapshots.length, 34)
})

test('an answer that never comes is an unknown state, which the same append settles', async () => {
  const table = await lab.create({ v: 'int', part: 'string' }, ['part'])
  const server = serve()
  const append = await appendOf(table, 1)
  const deaf = appenderOver(async (url, init) => {
    await server(url, init)
    throw new TypeError('the connection was reset')
  })
  await assert.rejects(deaf.append(table, append), error => isIngotError(error, 'COMMIT_STATE_UNKNOWN'))
  await appenderOver(server).append(table, append)
  assert.deepEqual(await valuesOf(table), ['[1]'])
})

test('what is no append is refused with its reason, and nothing is added', async () => {
  const table = await lab.create({ v: 'int', part: 'string' }, ['part'])
  const server = serve()
  const [name] = [table.identifier.name]
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await server(`${HOST}/v1/ingot/namespaces/lab/tables/${name}/appends`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    })
    return `${answer.status} ${JSON.parse(await answer.text()).error.message}`
  }
  const body = {
    'table-uuid': table.metadata['table-uuid'],
    'schema-id': 0,
    'spec-id': 0,
    manifest: '',
    'began-at-ms': 0,
  }
  const key = { 'idempotency-key': 'k1' }
  assert.match(await post(body), /^400 an append has no Idempotency-Key/)
  const { 'began-at-ms': _, ...timeless } = body
  assert.match(await post(timeless, key), /^400 request is not valid at began-at-ms/)
  assert.match(await post({ ...body, manifest: '!' }, key), /^400 request is not valid at manifest/)
  assert.match(await post({ ...body, manifest: 'T2Jq' }, key), /^400 manifest is no Iceberg manifest/)
  const empty = Buffer.from(encodeAppendFiles(table.metadata, [])).toString('base64')
  assert.match(await post({ ...body, manifest: empty }, key), /^400 an append has no files/)
  const [file] = await filesOf(table, 1)
  assert.ok(file)
  const outside = {
    ...file,
    filePath: file.filePath.replace(table.metadata.location, `${table.metadata.location}/../other`),
  }
  const append = await appendOf(table, 1)
  for (const foreign of [{ ...file, filePath: 'file:///etc/passwd' }, outside]) {
    await assert.rejects(
      appenderOver(server).append(table, { ...append, files: [foreign] }),
      error => isIngotError(error, 'REQUEST_INVALID') && /is no data file of table/.test(error.message),
    )
  }
  assert.deepEqual(await valuesOf(table), [])
})

test('the endpoint is advertised where it is served', async () => {
  const answer = await serve()(`${HOST}/v1/config`)
  const { endpoints } = (await answer.json()) as { endpoints: string[] }
  assert.ok(endpoints.includes('POST /v1/ingot/namespaces/{namespace}/tables/{table}/appends'))
})
