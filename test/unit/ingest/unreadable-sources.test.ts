import assert from 'node:assert/strict'
import { once } from 'node:events'
import { link, mkdir, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { type IngotError, isIngotError } from '../../../src/errors.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { bronzeTable, IngestLab } from './ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
})
after(() => lab.close())

const columns = { v: 'long' } as const

async function failure(work: Promise<unknown>, code: IngotError['code']): Promise<IngotError> {
  const error = await work.then(
    () => undefined,
    caught => caught,
  )
  assert.ok(isIngotError(error, code), String(error))
  return error
}

test('a folder that cannot be listed is not an empty one', async () => {
  await writeFile(lab.path('inbox/no-folder'), '')
  await symlink('round', lab.path('inbox/round'))
  for (const [glob, errno] of [
    ['inbox/no-folder/*.ndjson', 'ENOTDIR'],
    ['inbox/round/*.ndjson', 'ELOOP'],
    ['inbox/**/*.ndjson', 'ELOOP'],
  ] as const) {
    const table = bronzeTable({ name: 'bronze.unlisted', columns, glob })
    const { message, hint } = await failure(lab.load(table), 'STORAGE_FAILED')
    assert.match(message, new RegExp(`^${lab.folder}.*/inbox/\\S+ cannot be read: .*\\(${errno}\\)$`))
    assert.ok(hint)
  }
  assert.deepEqual(await lab.context.catalog.listNamespaces(), [], 'no table was made')
  await rm(lab.path('inbox/round'))
})

test('a file that cannot be read fails its table', async () => {
  const table = bronzeTable({ name: 'bronze.unread', columns, glob: 'unread/*' })
  for (const name of ['unread/a.ndjson', 'unread/a.parquet', 'unread/a.json', 'unread/a.csv']) {
    await lab.write(name, '{"v":1}\n')
    const transaction = new Transaction(lab.context)
    const plan = await lab.loader.plan(table, transaction)
    await unlink(lab.path(name))
    const { retryable } = await failure(lab.loader.stage(table, plan, transaction), 'SOURCE_CHANGED')
    assert.equal(retryable, true)
    await symlink(lab.path(name), lab.path(name))
    const { message } = await failure(lab.loader.stage(table, plan, transaction), 'STORAGE_FAILED')
    assert.match(
      message,
      new RegExp(`${name} cannot be read: its symbolic links lead in a circle \\(ELOOP\\)$`),
    )
    await unlink(lab.path(name))
  }
})

test('what is no file is passed over, also behind a link: its reader would wait for a writer', async () => {
  await lab.write('sockets/a.ndjson', '{"v":1}\n')
  const server = createServer()
  server.listen(lab.path('sockets/s'))
  await once(server, 'listening')
  await symlink('s', lab.path('sockets/b.ndjson'))
  const { rows } = await lab.load(bronzeTable({ name: 'bronze.sockets', columns, glob: 'sockets/*.ndjson' }))
  server.close()
  assert.equal(rows, 1)
})

test('a file is taken once, however many symbolic links lead to it; hard links are files of their own', async () => {
  await lab.write('links/b.ndjson', '{"v":1}\n')
  await lab.write('elsewhere/c.ndjson', '{"v":2}\n')
  await symlink('b.ndjson', lab.path('links/a.ndjson'))
  await symlink('.', lab.path('links/loop'))
  await symlink('../elsewhere/c.ndjson', lab.path('links/d.ndjson'))
  await symlink('../elsewhere/c.ndjson', lab.path('links/e.ndjson'))
  await link(lab.path('links/b.ndjson'), lab.path('links/hard.ndjson'))
  const table = bronzeTable({ name: 'bronze.links', columns, glob: 'links/**/*.ndjson' })
  const { rows, files } = await lab.load(table)
  assert.deepEqual({ rows, files }, { rows: 3, files: 3 })
  assert.equal((await lab.load(table)).files, 0)
})

test('a link that comes beside a file which was taken takes it no second time, also in a folder that is a link', async () => {
  await lab.write('mounted/b.ndjson', '{"v":1}\n')
  await symlink('mounted', lab.path('mount'))
  const table = bronzeTable({ name: 'bronze.mounted', columns, glob: 'mount/*.ndjson' })
  assert.equal((await lab.load(table)).files, 1)
  await symlink('b.ndjson', lab.path('mounted/a.ndjson'))
  assert.equal((await lab.load(table)).files, 0)
})

test('a source that names one file needs it, until the table has taken it', async () => {
  const table = bronzeTable({ name: 'bronze.one', columns, glob: 'one/a.ndjson' })
  const { message, hint } = await failure(lab.load(table), 'FILE_NOT_FOUND')
  assert.equal(message, 'there is no file one/a.ndjson, which bronze.one is loaded from')
  assert.match(hint ?? '', /correct its path/)
  await lab.write('one/a.ndjson', '{"v":1}\n')
  await lab.load(table)
  await unlink(lab.path('one/a.ndjson'))
  assert.equal((await lab.load(table)).files, 0)
  await lab.context.catalog.dropTable(table.identifier)
  await failure(lab.load(table), 'FILE_NOT_FOUND')
})

test('a glob that matches nothing, and an empty folder, are no mistake', async () => {
  await mkdir(lab.path('empty'))
  for (const [index, glob] of ['nowhere/*.ndjson', 'empty'].entries()) {
    const { rows } = await lab.load(bronzeTable({ name: `bronze.nothing${index}`, columns, glob }))
    assert.equal(rows, 0)
  }
})
