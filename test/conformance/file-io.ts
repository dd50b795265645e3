import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIngotError } from '../../src/errors.ts'
import type { FileIO } from '../../src/storage/file-io.ts'

/** A FileIO under test and a folder, of its own, that does not exist yet (no slash at its end). */
export interface FileIOFixture {
  readonly io: FileIO
  readonly root: string
  /** Writes a file past the FileIO, as an engine does. */
  writeByEngine(location: string, bytes: Uint8Array): Promise<void>
  dispose(): Promise<void>
}

type Check = (fixture: FileIOFixture) => Promise<void>

const HOSTILE_NAMES = [
  'two words.parquet',
  'größe-数据-😀.parquet',
  '100%25.parquet',
  'a#b?c=d&e.parquet',
  `it's "quoted".parquet`,
  'back\\slash.parquet',
  '[glob]*{x}.parquet',
  '...dots',
  '--option=1',
]

const CHECKS: Readonly<Record<string, Check>> = {
  'a file reads back as it was created, empty and binary ones too': async ({ io, root }) => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    await io.create(`${root}/a/b/every.bin`, every)
    await io.create(`${root}/a/b/empty.bin`, new Uint8Array(0))
    assert.deepEqual(new Uint8Array(await io.read(`${root}/a/b/every.bin`)), every)
    assert.equal((await io.read(`${root}/a/b/empty.bin`)).length, 0)
  },

  'a part of a file is read, and no more than there is': async ({ io, root }) => {
    const location = `${root}/part`
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251)
    await io.create(location, bytes)
    const read = async (start: number, end: number): Promise<Uint8Array> =>
      new Uint8Array(await io.read(location, { start, end }))
    assert.deepEqual(await read(0, 1), bytes.slice(0, 1))
    assert.deepEqual(await read(1000, 200_001), bytes.slice(1000, 200_001))
    assert.deepEqual(await read(299_990, 300_000), bytes.slice(-10))
    assert.deepEqual(await read(299_990, 400_000), bytes.slice(-10))
    assert.equal((await read(300_000, 300_001)).length, 0)
    await assertFails('FILE_NOT_FOUND', () => io.read(`${root}/none`, { start: 0, end: 1 }))
  },

  'a created file does not follow later changes of the buffer it was given': async ({ io, root }) => {
    const bytes = text('before')
    await io.create(`${root}/copy`, bytes)
    bytes.fill(0)
    assert.equal(decode(await io.read(`${root}/copy`)), 'before')
  },

  'a name is taken once': async ({ io, root }) => {
    await io.create(`${root}/x`, text('first'))
    await assertFails('FILE_EXISTS', () => io.create(`${root}/x`, text('second')))
    assert.equal(decode(await io.read(`${root}/x`)), 'first')
  },

  'of 16 that race for a name one wins, and nothing is left of the others': async ({ io, root }) => {
    const contents = Array.from({ length: 16 }, (_, index) => `writer ${index} `.repeat(1000))
    const outcomes = await Promise.allSettled(
      contents.map(content => io.create(`${root}/race/metadata.json`, text(content))),
    )
    const winners = contents.filter((_, index) => outcomes[index]?.status === 'fulfilled')
    assert.equal(winners.length, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        assert.ok(isIngotError(outcome.reason, 'FILE_EXISTS'), outcome.reason)
    }
    assert.equal(decode(await io.read(`${root}/race/metadata.json`)), winners[0])
    assert.deepEqual(await listed(io, root), [`${root}/race/metadata.json`])
  },

  'files of one new folder can be created at once': async ({ io, root }) => {
    const locations = Array.from({ length: 20 }, (_, index) => `${root}/deep/er/${index}`)
    await Promise.all(locations.map(location => io.create(location, text(location))))
    assert.deepEqual(await listed(io, root), [...locations].sort())
  },

  'names are taken literally': async ({ io, root }) => {
    for (const name of HOSTILE_NAMES) {
      const location = `${root}/odd folder #1/${name}`
      await io.create(location, text(name))
      assert.equal(decode(await io.read(location)), name)
      assert.equal((await io.stat(location))?.location, location)
      assert.equal(io.fromEnginePath(io.toEnginePath(location)), location)
    }
    assert.deepEqual(
      await listed(io, `${root}/odd folder #1`),
      HOSTILE_NAMES.map(name => `${root}/odd folder #1/${name}`).sort(),
    )
  },

  'locations that could leave the storage are refused by every method': async ({ io, root }) => {
    for (const location of [
      `${root}/../x`,
      `${root}/a/../../x`,
      `${root}/nul\0.txt`,
      '/no/scheme',
      'ftp://x/y',
      '',
    ]) {
      await assertFails('REQUEST_INVALID', () => io.read(location))
      await assertFails('REQUEST_INVALID', () => io.create(location, text('x')))
      await assertFails('REQUEST_INVALID', () => io.sync([location]))
      await assertFails('REQUEST_INVALID', () => io.stat(location))
      await assertFails('REQUEST_INVALID', () => io.remove([location]))
      await assertFails('REQUEST_INVALID', () => io.makeFolder(location))
      await assertFails('REQUEST_INVALID', () => listed(io, location))
      await assertFails('REQUEST_INVALID', async () => io.toEnginePath(location))
    }
  },

  'what is not there: read fails, stat is undefined, a listing is empty, removal is no error': async ({
    io,
    root,
  }) => {
    await io.create(`${root}/file`, text('x'))
    for (const location of [`${root}/none`, `${root}/no/such/folder/none`, `${root}/file/below`]) {
      await assertFails('FILE_NOT_FOUND', () => io.read(location))
      assert.equal(await io.stat(location), undefined)
      await io.remove([location])
    }
    assert.deepEqual(await listed(io, `${root}/no/such`), [])
  },

  'stat tells size and time of a file, and knows no folder': async ({ io, root }) => {
    await io.create(`${root}/f/five`, text('12345'))
    const stat = await io.stat(`${root}/f/five`)
    assert.equal(stat?.sizeBytes, 5)
    assert.ok(Math.abs((stat?.modifiedAtMs ?? 0) - Date.now()) < 24 * 3600 * 1000)
    assert.equal(await io.stat(`${root}/f`), undefined)
  },

  'a listing has every file below a folder and none beside it': async ({ io, root }) => {
    for (const name of ['t/1', 't/a/2', 't/a/b/3', 't2/4', 'tt'])
      await io.create(`${root}/${name}`, text(name))
    const below = ['t/1', 't/a/2', 't/a/b/3'].map(name => `${root}/${name}`)
    assert.deepEqual(await listed(io, `${root}/t`), below)
    assert.deepEqual(await listed(io, `${root}/t/`), below)
  },

  'removed files are gone, others stay, and a name is free again': async ({ io, root }) => {
    await io.create(`${root}/a`, text('1'))
    await io.create(`${root}/b`, text('2'))
    await io.remove([`${root}/a`, `${root}/never`])
    assert.deepEqual(await listed(io, root), [`${root}/b`])
    await io.create(`${root}/a`, text('3'))
    assert.equal(decode(await io.read(`${root}/a`)), '3')
  },

  'files that an engine wrote can be synced, in folders that it made too': async ({
    io,
    root,
    writeByEngine,
  }) => {
    await io.makeFolder(`${root}/data`)
    await io.makeFolder(`${root}/data`)
    const locations = [`${root}/data/day=1/x y.parquet`, `${root}/data/day=2/z.parquet`]
    for (const location of locations) await writeByEngine(location, text(location))
    await io.sync(locations)
    await io.sync([])
    for (const location of locations) assert.equal(decode(await io.read(location)), location)
    await assertFails('FILE_NOT_FOUND', () => io.sync([`${root}/data/none.parquet`]))
  },
}

/** What every FileIO does alike; each implementation runs it. */
export function checkFileIO(name: string, open: () => Promise<FileIOFixture>): void {
  for (const [title, check] of Object.entries(CHECKS)) {
    test(`${name}: ${title}`, async () => {
      const fixture = await open()
      try {
        await check(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
}

async function listed(io: FileIO, prefix: string): Promise<string[]> {
  const locations: string[] = []
  for await (const file of io.list(prefix)) locations.push(file.location)
  return locations.sort()
}

async function assertFails(
  code: 'FILE_EXISTS' | 'FILE_NOT_FOUND' | 'REQUEST_INVALID',
  work: () => Promise<unknown>,
) {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(isIngotError(error, code), `expected ${code}, got ${String(error)}`)
    return true
  })
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
