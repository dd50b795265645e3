import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { DataFile } from '../../../src/format/manifest-types.ts'
import { createManifestCache } from '../../../src/table/manifest-cache.ts'
import { planScan } from '../../../src/table/scan.ts'
import { openTable, stagePartitioning, stageSchemaChange } from '../../../src/table/stage.ts'
import { stageDelta } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { commitEqualityDeletes } from '../../support/foreign-deletes.ts'
import { PlanningServer, pathOf, planTasksOf } from '../../support/planning-server.ts'
import type { Json } from '../../support/rest-server.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
let server: PlanningServer
before(async () => {
  lab = await TableLab.open()
  server = new PlanningServer(lab)
})
after(() => lab.close())

const rows = (from: number, to: number) => `SELECT range AS id, range % 3 AS p FROM range(${from}, ${to})`

async function createOf(...selects: readonly string[]): Promise<LoadedTable> {
  let table = await lab.create({ id: 'long', p: 'int' }, ['p'])
  for (const select of selects) table = await lab.append(table, select)
  return table
}

async function overwrite(table: LoadedTable, filterSql: string, select?: string): Promise<LoadedTable> {
  const options = select === undefined ? { filterSql } : { filterSql, select }
  return lab.commit(await stageOverwrite(lab.context, lab.session, openTable(table), options))
}

function snapshotOf({ metadata }: LoadedTable): bigint {
  const id = metadata['current-snapshot-id']
  assert(id !== undefined)
  return id
}

async function pathsOf({ metadata }: LoadedTable, snapshotId?: bigint): Promise<readonly string[]> {
  const context = { io: lab.context.io, manifests: createManifestCache() }
  const { tasks } = await planScan(context, metadata, snapshotId === undefined ? {} : { snapshotId })
  return tasks.map(({ entry }) => entry.file.filePath).toSorted()
}

function expire(table: LoadedTable, ...snapshots: readonly bigint[]): Promise<LoadedTable> {
  return lab.commit({
    ...openTable(table),
    updates: [{ action: 'remove-snapshots', 'snapshot-ids': snapshots }],
  })
}

/** What an error says: status, type, message. */
function refusalOf({ status, body }: { readonly status: number; readonly body: Json }): string {
  return `${status} ${body.error?.type}: ${body.error?.message}`
}

test('the configuration lists the endpoints', async () => {
  const { body } = await server.send('GET', '/v1/config')
  const endpoints = body.endpoints as unknown as readonly string[]
  const table = '/v1/{prefix}/namespaces/{namespace}/tables/{table}'
  for (const endpoint of [
    `POST ${table}/plan`,
    `GET ${table}/plan/{plan-id}`,
    `DELETE ${table}/plan/{plan-id}`,
    `POST ${table}/tasks`,
  ]) {
    assert(endpoints.includes(endpoint), endpoint)
  }
})

test('a file is described as its manifest does it, with statistics of the columns that are asked for', async () => {
  let table = await lab.create(
    { id: 'long', at: 'timestamp', price: 'decimal(9, 2)', d: 'double', s: 'string', b: 'binary', t: 'time' },
    ['day(at)', 'identity(price)', 'identity(d)', 'bucket(4, id)', 'truncate(2, s)', 'b'],
  )
  table = await lab.append(
    table,
    `SELECT 7 AS id, timestamp '2024-02-29 23:59:59.5' AS at, 1.5 AS price, 2.0 AS d, 'straße 😀' AS s, '\\xAB\\x00'::blob AS b,
       time '01:02:03' AS t`,
  )
  const [plain] = (await server.files(table, { select: ['id', '_file'] })).files
  assert(plain !== undefined)
  const { 'file-path': path, 'file-size-in-bytes': size, 'split-offsets': _offsets, ...file } = plain.dataFile
  assert.deepEqual(file, {
    'spec-id': 0,
    partition: ['2024-02-29', '1.50', 2, 3, 'st', 'AB00'],
    content: 'data',
    'file-format': 'parquet',
    'record-count': 1,
  })
  assert(String(path).startsWith(`${table.metadata.location}/data/`) && Number(size) > 100)
  const names = ['id', 'at', 'price', 'd', 's', 'b', 't']
  const [withStatistics] = (await server.files(table, { 'stats-fields': names })).files
  const lower = withStatistics?.dataFile['lower-bounds'] as Json
  assert.deepEqual(lower.keys, [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(lower.values, [
    7,
    '2024-02-29T23:59:59.500000',
    '1.50',
    2,
    'straße 😀',
    'AB00',
    '01:02:03.000000',
  ])
  const [one] = (await server.files(table, { 'stats-fields': ['id'] })).files
  assert.deepEqual(one?.dataFile['value-counts'], { keys: [1], values: [1] })
  assert.deepEqual(one?.dataFile['upper-bounds'], { keys: [1], values: [7] })
})

test('numbers that may have a point are printed with one', async () => {
  let table = await lab.create({ d: 'double', f: 'float' }, ['d', 'f'])
  table = await lab.append(table, 'SELECT 2.0::double AS d, -0.0::float AS f')
  const answer = await server.text(table)
  assert(answer.includes('"partition":[2.0,-0.0]'), answer)
})

test('a table without a snapshot has no files', async () => {
  const table = await createOf()
  const { body } = await server.plan(table)
  assert.deepEqual(body['file-scan-tasks'], [])
  assert.deepEqual((await server.send('GET', `${pathOf(table)}/plan/${body['plan-id']}`)).body, body)
})

test('deletes of each kind come with the files that they apply to, each once', async () => {
  let table = await createOf(rows(0, 900))
  table = await overwrite(table, 'id = 0')
  table = await lab.commit(stagePartitioning(openTable(table), []))
  table = await lab.append(table, rows(100, 110))
  table = await commitEqualityDeletes(lab, table, {
    ...{ select: 'SELECT 1 AS id', fieldIds: '{id: 1}', equalityIds: [1] },
  })
  const { files } = await server.files(table)
  assert.deepEqual(
    files.map(({ deleteFiles }) => deleteFiles.map(({ content }) => content).toSorted()).toSorted(),
    [
      ['equality-deletes'],
      ['equality-deletes'],
      ['equality-deletes'],
      ['equality-deletes', 'position-deletes'],
    ],
  )
  const { body } = await server.plan(table)
  const deletes = body['delete-files'] as readonly Json[]
  assert.equal(deletes.length, 2)
  assert.deepEqual(
    deletes.find(({ content }) => String(content) === 'equality-deletes')?.['equality-ids'],
    [1],
  )
  const none = await server.plan(table, { filter: { type: 'eq', term: 'p', value: 77 } })
  assert.equal(none.body['delete-files'], undefined)
})

test('deletes that Ingot does not read are for the engine to read', async () => {
  const table = await createOf(rows(0, 1))
  const [{ entry } = assert.fail()] = (await planScan(lab.context, table.metadata)).tasks
  const file: DataFile = {
    content: 'position-deletes',
    fileFormat: 'AVRO',
    filePath: `${table.metadata.location}/data/deletes.avro`,
    partition: entry.file.partition,
    recordCount: 1,
    fileSizeBytes: 9,
  }
  const addDeletes = [{ specId: entry.specId, file }]
  const deleted = await lab.commit(
    await stageDelta(lab.context, openTable(table), { operation: 'delete', addDeletes }),
  )
  const [found] = (await server.files(deleted)).files
  assert.equal(found?.deleteFiles[0]?.['file-format'], 'avro')
})

test('deletion vectors come with where they lie, rows of version 3 with their ids', async () => {
  let table = await lab.create({ id: 'long' }, [], 3)
  table = await lab.append(table, 'SELECT range AS id FROM range(10)')
  table = await lab.append(table, 'SELECT range AS id FROM range(10, 20)')
  table = await overwrite(table, 'id IN (3, 13)')
  const { files } = await server.files(table)
  assert.deepEqual(files.map(({ dataFile }) => dataFile['first-row-id']).toSorted(), [0, 10])
  const vectors = files.flatMap(({ deleteFiles }) => deleteFiles)
  assert.equal(new Set(vectors.map(vector => vector['file-path'])).size, 1)
  for (const [index, vector] of vectors.entries()) {
    assert.equal(vector['file-format'], 'puffin')
    assert.equal(vector['referenced-data-file'], files[index]?.path)
    assert(Number(vector['content-offset']) > 0 && Number(vector['content-size-in-bytes']) > 0)
  }
  assert.equal(new Set(vectors.map(vector => vector['content-offset'])).size, 2)
})

test('a plan of many files comes in parts, from servers that know nothing of one another', async () => {
  const table = await createOf(...Array.from({ length: 12 }, (_, index) => rows(10 * index, 10 * index + 10)))
  const paging = new PlanningServer(lab, { limits: { tasksMax: 2, entriesMax: 1000 } })
  const { files, answers } = await paging.files(table)
  assert.equal(files.length, 36)
  assert.deepEqual(files.map(({ path }) => path).toSorted(), await pathsOf(table))
  assert(answers >= 18, `${answers}`)
  const first = await paging.plan(table)
  assert.equal((first.body['file-scan-tasks'] as unknown as unknown[]).length, 2)
  assert.equal(planTasksOf(first.body).length, 8)
  const filter = { type: 'eq', term: 'p', value: 1 }
  assert.deepEqual(await paging.paths(table, { filter }), await server.paths(table, { filter }))
  const looking = new PlanningServer(lab, { limits: { tasksMax: 1000, entriesMax: 1 } })
  assert.equal((await looking.files(table, { filter })).answers, 36)
  assert.deepEqual(await looking.paths(table, { filter }), await server.paths(table, { filter }))
})

test('a plan stays that of its snapshot and its columns, whatever becomes of the table', async () => {
  let table = await createOf(rows(0, 3), rows(3, 6))
  const expected = await pathsOf(table)
  const paging = new PlanningServer(lab, { limits: { tasksMax: 1, entriesMax: 1000 } })
  const first = await paging.plan(table, { filter: { type: 'gt-eq', term: 'id', value: 0 } })
  table = await lab.commit(
    stageSchemaChange(openTable(table), [{ type: 'rename', path: ['id'], name: 'number' }]),
  )
  table = await overwrite(table, 'true', rows(50, 51).replace('AS id', 'AS number'))
  const again = await paging.send('GET', `${pathOf(table)}/plan/${first.body['plan-id']}`)
  assert.deepEqual(again.body, first.body)
  const found = [first.body]
  for (const answer of found) {
    for (const task of planTasksOf(answer)) {
      found.push((await paging.send('POST', `${pathOf(table)}/tasks`, { 'plan-task': task })).body)
    }
  }
  const paths = found.flatMap(answer =>
    (answer['file-scan-tasks'] as readonly Json[]).map(task => String(task['data-file']?.['file-path'])),
  )
  assert.deepEqual(paths.toSorted(), expected)
})

test('a scan that wants some rows gets no more files than have them', async () => {
  const table = await createOf(rows(0, 30), rows(30, 60))
  assert.equal((await server.paths(table, { 'min-rows-requested': 5 })).length, 1)
  assert.equal((await server.paths(table, { 'min-rows-requested': 11 })).length, 2)
  assert.equal((await server.paths(table, { 'min-rows-requested': 1000 })).length, 6)
  const filter = { type: 'lt', term: 'id', value: 5 }
  assert.equal(
    (await server.paths(table, { 'min-rows-requested': 1, filter })).length,
    3,
    'perhaps no row of a file',
  )
  const paging = new PlanningServer(lab, { limits: { tasksMax: 1, entriesMax: 1000 } })
  assert.equal((await paging.files(table, { 'min-rows-requested': 25 })).files.length, 3)
  const deleted = await overwrite(table, 'id % 10 = 0')
  assert.equal(
    (await server.paths(deleted, { 'min-rows-requested': 1 })).length,
    6,
    'perhaps all are deleted',
  )
})

test('an older snapshot is planned under its own columns when it is asked for', async () => {
  let table = await createOf(rows(0, 3))
  const old = snapshotOf(table)
  table = await lab.append(table, rows(3, 6))
  table = await lab.commit(
    stageSchemaChange(openTable(table), [{ type: 'rename', path: ['id'], name: 'number' }]),
  )
  assert.deepEqual(await server.paths(table, { 'snapshot-id': old }), await pathsOf(table, old))
  const filter = { type: 'eq', term: 'id', value: 1 }
  const body = { 'snapshot-id': old, filter }
  assert.equal((await server.paths(table, { ...body, 'use-snapshot-schema': true })).length, 1)
  assert.equal((await server.plan(table, body)).status, 400)
  const none = await server.plan(table, { 'snapshot-id': 5 })
  assert.match(refusalOf(none), /^404 NoSuchSnapshotException: the table has no snapshot 5$/)
  const missing = { ...table, identifier: { ...table.identifier, name: 'nowhere' } }
  assert.match(refusalOf(await server.plan(missing)), /^404 NoSuchTableException/)
})

test('between two snapshots there are the files that were appended, without deletes', async () => {
  let table = await createOf(rows(0, 3))
  const start = snapshotOf(table)
  table = await lab.append(table, rows(3, 6))
  const first = await pathsOf(table, start)
  const appended = (await pathsOf(table)).filter(path => !first.includes(path))
  table = await overwrite(table, 'id = 4')
  table = await overwrite(table, 'id = 0', rows(90, 93))
  const replaced = snapshotOf(table)
  table = await lab.append(table, rows(6, 9))
  const end = snapshotOf(table)
  const between = { 'start-snapshot-id': start, 'end-snapshot-id': end }
  const { files } = await server.files(table, between)
  assert.equal(files.length, 6)
  assert(files.every(({ deleteFiles }) => deleteFiles.length === 0))
  const paths = files.map(({ path }) => path)
  for (const path of appended) assert(paths.includes(path))
  const filter = { type: 'eq', term: 'p', value: 2 }
  assert.equal((await server.paths(table, { ...between, filter, 'use-snapshot-schema': true })).length, 2)
  const paging = new PlanningServer(lab, { limits: { tasksMax: 1, entriesMax: 1000 } })
  assert.deepEqual((await paging.paths(table, between)).toSorted(), paths.toSorted())
  assert.deepEqual(await server.paths(table, { 'start-snapshot-id': end, 'end-snapshot-id': end }), [])
  assert.equal(
    (await server.paths(table, { 'start-snapshot-id': replaced, 'end-snapshot-id': end })).length,
    3,
  )
  const reversed = await server.plan(table, { 'start-snapshot-id': end, 'end-snapshot-id': start })
  assert.match(
    refusalOf(reversed),
    /^400 BadRequestException: start-snapshot-id: snapshot \d+ is no ancestor/,
  )
  for (const unknown of [
    { ...between, 'start-snapshot-id': 5 },
    { ...between, 'end-snapshot-id': 5 },
  ]) {
    assert.match(refusalOf(await server.plan(table, unknown)), /^404 NoSuchSnapshotException/)
  }
  // The one that it starts after may be expired.
  table = await expire(table, start)
  assert.deepEqual((await server.paths(table, between)).toSorted(), paths.toSorted())
})

test('a plan or a task that was never made, or has expired, is not there', async () => {
  let table = await createOf(rows(0, 3), rows(3, 6))
  const paging = new PlanningServer(lab, { limits: { tasksMax: 1, entriesMax: 1000 } })
  const { body } = await paging.plan(table)
  const [task] = planTasksOf(body)
  const planId = String(body['plan-id'])
  const other = await createOf(rows(0, 3))
  const path = pathOf(table)
  const bad = ['x', '', 'AAAA', Buffer.from('[]').toString('base64url'), task?.slice(0, -4)]
  for (const text of bad) {
    const answer = await paging.send('POST', `${path}/tasks`, { 'plan-task': text })
    assert.match(refusalOf(answer), /^404 NoSuchPlanTaskException/)
  }
  const elsewhere = await paging.send('POST', `${pathOf(other)}/tasks`, { 'plan-task': task })
  assert.match(refusalOf(elsewhere), /^404 NoSuchPlanTaskException/)
  for (const method of ['GET', 'DELETE']) {
    const answer = await paging.send(method, `${path}/plan/x`)
    assert.match(refusalOf(answer), /^404 NoSuchPlanIdException/)
    const ofOther = await paging.send(method, `${pathOf(other)}/plan/${planId}`)
    assert.match(refusalOf(ofOther), /^404 NoSuchPlanIdException/)
  }
  assert.equal((await paging.send('POST', `${path}/tasks`, {})).status, 400)
  assert.equal((await paging.send('DELETE', `${path}/plan/${planId}`)).status, 204)
  const old = snapshotOf(table)
  table = await lab.append(table, rows(6, 9))
  await expire(table, old)
  const expired = await paging.send('POST', `${path}/tasks`, { 'plan-task': task })
  assert.match(refusalOf(expired), /^404 NoSuchPlanTaskException/)
  assert.match(refusalOf(await paging.send('GET', `${path}/plan/${planId}`)), /^404 NoSuchPlanIdException/)
})

test('the id of a plan with a very long filter fits into a path, and its rest comes one part after the other', async () => {
  const table = await createOf(rows(0, 3), rows(3, 6), rows(6, 9))
  const paging = new PlanningServer(lab, { limits: { tasksMax: 2, entriesMax: 1000 } })
  const values = Array.from({ length: 9000 }, (_, index) => (index * 7919) % 1_000_003)
  const filter = { type: 'not-in', term: 'id', values: values.filter(value => value > 9) }
  const { body } = await paging.plan(table, { filter })
  const planId = String(body['plan-id'])
  assert(planId.length < 100)
  assert.equal(planTasksOf(body).length, 1)
  assert.equal((await paging.paths(table, { filter })).length, 9)
  assert.equal((await paging.send('DELETE', `${pathOf(table)}/plan/${planId}`)).status, 204)
  assert.equal((await paging.send('GET', `${pathOf(table)}/plan/${planId}`)).status, 404)
})

test('with a very long filter an answer looks at fewer files', async () => {
  let table = await lab.create({ id: 'long' }, ['id'])
  table = await lab.append(table, 'SELECT range AS id FROM range(250)')
  const values = Array.from({ length: 9000 }, (_, index) => index + 1000)
  const { files, answers } = await server.files(table, { filter: { type: 'not-in', term: 'id', values } })
  assert.equal(files.length, 250)
  assert.equal(answers, 2)
  assert.equal((await server.files(table)).answers, 1)
})

test('a filter with a giant value, which comes with every file, leaves room for few in an answer', async () => {
  let table = await lab.create({ name: 'string', p: 'int' }, ['p'])
  table = await lab.append(table, "SELECT 'x' AS name, range AS p FROM range(5)")
  const filter = { type: 'not-eq', term: 'name', value: 'y'.repeat(6 * 1024 * 1024) }
  const { body } = await server.plan(table, { filter })
  assert.deepEqual([body['file-scan-tasks']?.length, planTasksOf(body).length], [2, 1])
})

test('manifests of another table are not read for who may name them', async () => {
  const secret = await createOf(rows(0, 3))
  const table = await createOf(rows(0, 3))
  const [snapshot] = secret.metadata.snapshots
  assert(snapshot !== undefined)
  const [own] = table.metadata.snapshots
  const { io } = lab.context
  const list = `${table.metadata.location}/metadata/stolen.avro`
  await io.create(list, await io.read(snapshot['manifest-list']))
  const stolen = await lab.commit({
    ...openTable(table),
    updates: [
      {
        action: 'add-snapshot',
        snapshot: {
          ...snapshot,
          'snapshot-id': 77n,
          'sequence-number': 9,
          'manifest-list': list,
          ...(own && { 'parent-snapshot-id': own['snapshot-id'] }),
        },
      },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 77n },
    ],
  })
  assert.match(
    refusalOf(await server.plan(stolen)),
    /^406 UnsupportedOperationException: the table has a manifest outside/,
  )
  const trusting = new PlanningServer(lab, { isConfined: false })
  assert.deepEqual(await trusting.paths(stolen), await pathsOf(secret))
})
