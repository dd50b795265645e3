import { type Clock, systemClock } from '../clock.ts'
import { type Random, systemRandom } from '../random.ts'
import { errnoOf } from './disk.ts'
import type { FileIO } from './file-io.ts'
import { pathOfLocation } from './file-location.ts'
import { createMemoryDisk, type DiskFaults, type MemoryDiskView } from './memory-disk.ts'
import { createPosixFileIO } from './posix-file-io.ts'
import { toStorageError } from './storage-error.ts'

export interface MemoryFileIOOptions {
  /** @default none */
  readonly faults?: DiskFaults
  /** @default systemClock */
  readonly clock?: Clock
  /** Names temporary files. @default systemRandom */
  readonly random?: Random
}

/** The storage of a simulated machine: the protocol of the local FileIO, over a disk that can lose what was not synced. */
export interface MemoryFileIO extends FileIO {
  /** What an engine process does: a file (and its folders) that nobody synced. */
  writeUnsynced(location: string, bytes: Uint8Array): Promise<void>
  /** Loses power. Nothing may be under way; what `random` decides is in the order of names, so a seed replays it. */
  crash(random: Random): void
  /** The same disk as a new process sees it, which has its own faults (@default none) and remembers nothing. */
  reopen(faults?: DiskFaults): MemoryFileIO
}

/** Files in memory, for tests and simulations; locations are `file://`, as of the local FileIO. */
export function createMemoryFileIO(options: MemoryFileIOOptions = {}): MemoryFileIO {
  const random = options.random ?? systemRandom
  const disk = createMemoryDisk(options.clock ?? systemClock)
  const open = (faults: DiskFaults = async () => undefined): MemoryFileIO => {
    const view = disk.open(faults)
    return {
      ...createPosixFileIO(view, random),
      writeUnsynced: (location, bytes) => writeUnsynced(view, location, bytes),
      crash: disk.crash,
      reopen: open,
    }
  }
  return open(options.faults)
}

async function writeUnsynced(disk: MemoryDiskView, location: string, bytes: Uint8Array): Promise<void> {
  const path = pathOfLocation(location)
  try {
    for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
      await makeFolderUnsynced(disk, path.slice(0, end))
    }
    await disk.writeUnsynced(path, bytes)
  } catch (error) {
    throw toStorageError(error, 'write', location)
  }
}

async function makeFolderUnsynced(disk: MemoryDiskView, path: string): Promise<void> {
  try {
    await disk.makeFolder(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}
