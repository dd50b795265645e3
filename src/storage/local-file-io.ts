import { link, lstat, mkdir, open, opendir, readFile, realpath, stat, unlink } from 'node:fs/promises'
import { systemRandom } from '../random.ts'
import type { Disk, DiskStat } from './disk.ts'
import type { ByteRange, FileIO } from './file-io.ts'
import { createPosixFileIO } from './posix-file-io.ts'

/** Node runs file system calls on 4 threads; this many may wait for a disk to flush, the others serve reads. */
const SYNCS_MAX = 2

/** FileIO over the folders of this machine, by `file://` locations. */
export function createLocalFileIO(): FileIO {
  return createPosixFileIO(createNodeDisk(), systemRandom)
}

function createNodeDisk(): Disk {
  const limitSyncs = createLimit(SYNCS_MAX)
  return {
    readFile: (path, range) => (range === undefined ? readFile(path) : readRange(path, range)),
    async writeFile(path, bytes) {
      const handle = await open(path, 'wx')
      try {
        await handle.writeFile(bytes)
        await limitSyncs(() => handle.sync())
      } finally {
        await handle.close()
      }
    },
    async sync(path) {
      const handle = await open(path, 'r')
      try {
        await limitSyncs(() => handle.sync())
      } finally {
        await handle.close()
      }
    },
    link,
    unlink,
    makeFolder: path => mkdir(path),
    stat: statEntry,
    realPath: path => realpath(path),
    async *names(folder) {
      for await (const entry of await opendir(folder)) yield entry.name
    },
  }
}

async function readRange(path: string, { start, end }: ByteRange): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(end - start)
    let length = 0
    // One call may give less than there is.
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, start + length)).bytesRead
    }
    return buffer.subarray(0, length)
  } finally {
    await handle.close()
  }
}

/** A link to a file is that file; a link to a folder is neither, so that a walk cannot go round in circles. */
async function statEntry(path: string): Promise<DiskStat> {
  const own = await lstat(path)
  const target = own.isSymbolicLink() ? await stat(path) : own
  const isFolder = own.isDirectory()
  const kind = isFolder ? 'folder' : target.isFile() ? 'file' : 'other'
  return { kind, sizeBytes: target.size, modifiedAtMs: target.mtimeMs }
}

function createLimit(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = max
  return async work => {
    if (free > 0) free -= 1
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
