import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Log } from '../telemetry/log.ts'
import { errnoOf } from './disk.ts'
import { toStorageError } from './storage-error.ts'

/** A folder for the temporary files of this process, apart from those of others. */
export interface TempFolder {
  readonly path: string
  /** Removes it, with all that is in it. */
  remove(): Promise<void>
}

export interface TempFolderOptions {
  /** Where folders of processes are; made when it is missing. */
  readonly parent: string
  readonly nowMs: number
  readonly log: Log
}

/** Where a process that owns a folder runs, and which of those with its id it is. */
interface Owner {
  /** Host and process namespace: ids mean the same process only where it is the same. */
  readonly place: string
  readonly pid: number
  /** When it began, in the system's own measure; '0' where the system does not tell. */
  readonly began: string
}

/** A folder whose owner cannot be looked for, as it ran on another host, is left alone this long. */
const FOREIGN_AGE_MAX_MS = 24 * 60 * 60 * 1000

/**
 * Makes a folder in `parent` for this process, and removes those that processes left there when they were killed. Safe with
 * any number of processes at once: a folder is named after its owner from the start, and one whose owner lives is not touched.
 * @throws STORAGE_FAILED, FILE_EXISTS when it cannot be made; one that cannot be removed is only logged
 */
export async function openTempFolder(options: TempFolderOptions): Promise<TempFolder> {
  const { parent } = options
  const self = await thisProcess()
  try {
    await mkdir(parent, { recursive: true })
    await removeAbandoned(options, self)
    const path = await mkdtemp(join(parent, `${self.place}-${self.pid}-${self.began}-`))
    return { path, remove: () => rm(path, { recursive: true, force: true }) }
  } catch (error) {
    throw toStorageError(error, 'making a temporary folder', parent)
  }
}

/** How many folders in `parent` are of processes that live, that are gone, and that cannot be looked for. */
export interface TempFolderCounts {
  readonly inUse: number
  readonly abandoned: number
  readonly elsewhere: number
}

/** What openTempFolder would find there. @throws STORAGE_FAILED */
export async function countTempFolders(parent: string, nowMs: number): Promise<TempFolderCounts> {
  try {
    const self = await thisProcess()
    const names = await readdir(parent).catch(error => {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    })
    const counts = { inUse: 0, abandoned: 0, elsewhere: 0 }
    for (const name of names) {
      const owner = ownerOf(name)
      if (await isAbandoned(join(parent, name), owner, self, nowMs)) counts.abandoned += 1
      else if (owner?.place === self.place) counts.inUse += 1
      else counts.elsewhere += 1
    }
    return counts
  } catch (error) {
    throw toStorageError(error, 'reading the temporary folders', parent)
  }
}

async function removeAbandoned({ parent, nowMs, log }: TempFolderOptions, self: Owner): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    try {
      // Another process that begins removes the same ones: what is gone meanwhile is as it should be.
      if (await isAbandoned(path, ownerOf(name), self, nowMs))
        await rm(path, { recursive: true, force: true })
    } catch (error) {
      log.warn({ path, err: error }, 'temporary files of a process that is gone could not be removed')
    }
  }
}

async function isAbandoned(
  path: string,
  owner: Owner | undefined,
  self: Owner,
  nowMs: number,
): Promise<boolean> {
  if (owner === undefined || owner.place !== self.place) return await isOld(path, nowMs)
  return !(await isAlive(owner))
}

/** Undefined: the name is not one that openTempFolder gives. */
function ownerOf(name: string): Owner | undefined {
  const [, place = '', pid = '', began = ''] = /^([0-9a-f]{8})-(\d+)-(\d+)-\w+$/.exec(name) ?? []
  return pid === '' ? undefined : { place, pid: Number(pid), began }
}

async function isAlive({ pid, began }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (errnoOf(error) === 'ESRCH') return false
  }
  const beganNow = await beganOf(pid)
  return began === '0' || beganNow === '0' || began === beganNow
}

/** Whether nothing right in it changed for long. */
async function isOld(path: string, nowMs: number): Promise<boolean> {
  try {
    const names = (await stat(path)).isDirectory() ? await readdir(path) : []
    const stats = await Promise.all([path, ...names.map(name => join(path, name))].map(each => stat(each)))
    return stats.every(({ mtimeMs }) => nowMs - mtimeMs > FOREIGN_AGE_MAX_MS)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function thisProcess(): Promise<Owner> {
  const { pid } = process
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  const place = createHash('sha256').update(`${hostname()}\n${namespace}`).digest('hex').slice(0, 8)
  return { place, pid, began: await beganOf(pid) }
}

/** Field 22 of proc(5) `stat`; the second, a name in parentheses, may hold blanks and parentheses of its own. */
async function beganOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
}
