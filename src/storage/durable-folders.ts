import { dirname } from 'node:path'
import { type Disk, errnoOf } from './disk.ts'

/** Folders whose names, up to the root, survive a power loss; and the fsync of a folder, shared by those who wait for one. */
export interface DurableFolders {
  /** Makes the folder and its parents where they are missing, and all their names durable. */
  ensure(folder: string): Promise<void>
  /** Makes durable every name that is in the folder when this is called. */
  sync(folder: string): Promise<void>
  /** Somebody removed it: the next `ensure` looks again. */
  forget(folder: string): void
}

/** What fsync of a folder answers that this process did not make and need not be able to make durable (`/home`, a mount point). */
const NOT_OURS = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'])

export function createDurableFolders(disk: Disk): DurableFolders {
  const sync = createSharedSync(path => disk.sync(path))
  const ensured = new Map<string, Promise<void>>()

  async function make(folder: string): Promise<void> {
    const parent = dirname(folder)
    if (parent === folder) return
    await ensure(parent)
    const isNew = await makeFolder(disk, folder)
    // Also when it was there: who made it (another process, an engine) may not have come to its fsync yet.
    await sync(parent).catch((error: unknown) => {
      if (isNew || !NOT_OURS.has(errnoOf(error) ?? '')) throw error
    })
  }

  function ensure(folder: string): Promise<void> {
    const known = ensured.get(folder)
    if (known !== undefined) return known
    const made = make(folder).catch((error: unknown) => {
      ensured.delete(folder)
      throw error
    })
    ensured.set(folder, made)
    return made
  }

  return {
    ensure,
    sync,
    forget(folder) {
      for (let path = folder; path !== dirname(path); path = dirname(path)) ensured.delete(path)
    },
  }
}

async function makeFolder(disk: Disk, folder: string): Promise<boolean> {
  try {
    await disk.makeFolder(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** One call at a time for a path; all who ask while it runs share the next one, since a running one may have missed their change. */
function createSharedSync(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>()
  const waiting = new Map<string, Promise<void>>()

  function start(path: string): Promise<void> {
    const run = sync(path).finally(() => running.delete(path))
    running.set(path, run)
    return run
  }

  return path => {
    const queued = waiting.get(path)
    if (queued !== undefined) return queued
    const current = running.get(path)
    if (current === undefined) return start(path)
    const startNext = (): Promise<void> => {
      waiting.delete(path)
      return start(path)
    }
    const next = current.then(startNext, startNext)
    waiting.set(path, next)
    return next
  }
}
