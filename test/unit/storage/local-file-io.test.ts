import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'

async function withFolder(work: (io: FileIO, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-local-'))
  try {
    await work(createLocalFileIO(), folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('a folder that somebody removed meanwhile is made again', () =>
  withFolder(async (io, folder) => {
    await io.create(`file://${folder}/a/b/1`, new Uint8Array([1]))
    await rm(join(folder, 'a'), { recursive: true })
    await io.create(`file://${folder}/a/b/2`, new Uint8Array([2]))
    assert.deepEqual([...(await io.read(`file://${folder}/a/b/2`))], [2])
  }))

test('a listing follows a link to a file and no link to a folder', () =>
  withFolder(async (io, folder) => {
    await io.create(`file://${folder}/t/real`, new Uint8Array([1, 2, 3]))
    await symlink(folder, join(folder, 't', 'loop'))
    await symlink(join(folder, 't', 'real'), join(folder, 't', 'alias'))
    await symlink(join(folder, 'nothing'), join(folder, 't', 'dangling'))
    const found: string[] = []
    for await (const file of io.list(`file://${folder}/t`)) found.push(`${file.location} ${file.sizeBytes}`)
    assert.deepEqual(found.sort(), [`file://${folder}/t/alias 3`, `file://${folder}/t/real 3`])
  }))

test("locations as Hadoop writes them lead to the same file, and the engine's path is the plain path", () =>
  withFolder(async (io, folder) => {
    await io.create(`file://${folder}/x`, new Uint8Array([7]))
    assert.deepEqual([...(await io.read(`file:${folder}/x`))], [7])
    assert.equal(io.toEnginePath(`file://${folder}/x`), `${folder}/x`)
    assert.equal(io.fromEnginePath(`${folder}/x`), `file://${folder}/x`)
    assert.throws(() => io.fromEnginePath('relative/x'), /not an absolute path/)
  }))

test('a folder where a file should be, or the other way round, is said', () =>
  withFolder(async (io, folder) => {
    await writeFile(join(folder, 'file'), 'x')
    await assert.rejects(io.read(`file://${folder}`), /EISDIR/)
    await assert.rejects(io.create(`file://${folder}/file/below`, new Uint8Array([1])))
    await assert.rejects(io.remove([`file://${folder}`]), /remove of .* failed/)
  }))
