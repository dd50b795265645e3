import { dirname, join } from 'node:path'
import { type Random, randomUuid } from '../random.ts'
import { type Disk, type DiskStat, errnoOf } from './disk.ts'
import { createDurableFolders, type DurableFolders } from './durable-folders.ts'
import type { FileIO, FileStat } from './file-io.ts'
import { locationOfPath, pathOfLocation } from './file-location.ts'
import { forEachParallel } from './for-each-parallel.ts'
import { toStorageError } from './storage-error.ts'

/**
 * FileIO over POSIX calls. A file is written under a name of its own (`.ingot-tmp-…`), fsynced, linked to its real name (the kernel lets
 * one of several win) and its folder fsynced: at no instant does a name lead to half a file. A process that dies in
 * between leaves the temporary file, which `list` shows, so that the removal of orphans finds it.
 */
export function createPosixFileIO(disk: Disk, random: Random): FileIO {
  const folders = createDurableFolders(disk)
  return {
    read: (location, range) => guard('read', location, path => disk.readFile(path, range)),
    create: (location, bytes) =>
      guard('create', location, path => createFile(disk, folders, random, path, bytes)),
    sync: locations => syncFiles(disk, folders, locations),
    stat: location => guard('stat', location, path => statFile(disk, path)),
    list: prefix => listFiles(disk, prefix),
    remove: locations =>
      forEachParallel(locations, location => guard('remove', location, path => removeFile(disk, path))),
    makeFolder: folder => guard('make folder', folder, path => folders.ensure(withoutEndSlash(path))),
    realLocation: location =>
      guard('resolve', location, async path => locationOfPath(await disk.realPath(path))),
    toEnginePath: pathOfLocation,
    fromEnginePath: locationOfPath,
  }
}

async function guard<T>(operation: string, location: string, work: (path: string) => Promise<T>): Promise<T> {
  const path = pathOfLocation(location)
  try {
    return await work(path)
  } catch (error) {
    throw toStorageError(error, operation, location)
  }
}

async function createFile(
  disk: Disk,
  folders: DurableFolders,
  random: Random,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.ingot-tmp-${randomUuid(random)}`)
  await folders.ensure(folder)
  try {
    await writeTemporary(disk, folders, temporary, bytes)
    await disk.link(temporary, path)
  } finally {
    // Best effort: what is left is an orphan, and the outcome of the work above is what counts.
    await disk.unlink(temporary).catch(() => undefined)
  }
  await folders.sync(folder)
}

async function writeTemporary(
  disk: Disk,
  folders: DurableFolders,
  temporary: string,
  bytes: Uint8Array,
): Promise<void> {
  try {
    await disk.writeFile(temporary, bytes)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    // The folder was removed since this process made it (a dropped table): once more, from the start.
    folders.forget(dirname(temporary))
    await folders.ensure(dirname(temporary))
    await disk.writeFile(temporary, bytes)
  }
}

async function syncFiles(disk: Disk, folders: DurableFolders, locations: readonly string[]): Promise<void> {
  await forEachParallel(locations, location => guard('sync', location, path => disk.sync(path)))
  const touched = new Set(locations.map(location => dirname(pathOfLocation(location))))
  await forEachParallel([...touched], async folder => {
    await guard('sync', locationOfPath(folder), async () => {
      await folders.ensure(folder)
      await folders.sync(folder)
    })
  })
}

async function statFile(disk: Disk, path: string): Promise<FileStat | undefined> {
  const stat = await statIfThere(disk, path)
  return stat?.kind === 'file' ? toFileStat(path, stat) : undefined
}

async function* listFiles(disk: Disk, prefix: string): AsyncGenerator<FileStat> {
  const pending = [withoutEndSlash(pathOfLocation(prefix))]
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    try {
      for await (const name of disk.names(folder)) {
        const path = join(folder, name)
        const stat = await statIfThere(disk, path)
        if (stat?.kind === 'folder') pending.push(path)
        if (stat?.kind === 'file') yield toFileStat(path, stat)
      }
    } catch (error) {
      if (!isGone(error)) throw toStorageError(error, 'list', locationOfPath(folder))
    }
  }
}

async function removeFile(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

async function statIfThere(disk: Disk, path: string): Promise<DiskStat | undefined> {
  try {
    return await disk.stat(path)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function toFileStat(path: string, stat: DiskStat): FileStat {
  return { location: locationOfPath(path), sizeBytes: stat.sizeBytes, modifiedAtMs: stat.modifiedAtMs }
}

function isGone(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}

function withoutEndSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
