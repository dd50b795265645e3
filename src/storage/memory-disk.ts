import type { Clock } from '../clock.ts'
import { type Random, randomFraction } from '../random.ts'
import type { Disk, DiskStat } from './disk.ts'

/** One moment at which the machine can stop or the disk can fail. Reading calls are steps too. */
export interface DiskStep {
  readonly call: 'read' | 'write' | 'fsync' | 'link' | 'unlink' | 'mkdir' | 'stat' | 'names'
  readonly path: string
}

/**
 * What a step does instead of working. `fail`: nothing but the error. `fail-after`: it works and the caller gets the error
 * all the same (the answer was lost). `skip`: nothing, and the caller hears of success (a disk that lies about fsync).
 */
export type DiskFault =
  | { readonly type: 'fail' | 'fail-after'; readonly error: Error }
  | { readonly type: 'skip' }

/** Called before every step; undefined lets it work. A rejection is the step's failure. */
export type DiskFaults = (step: DiskStep) => Promise<DiskFault | undefined>

/** One process's view of the disk, whose calls meet the faults of that process. */
export interface MemoryDiskView extends Disk {
  /** Writes a file and leaves it in the page cache. */
  writeUnsynced(path: string, bytes: Uint8Array): Promise<void>
}

/** A disk with a page cache: reads see what was written, a crash keeps what was fsynced and chance decides about the rest. */
export interface MemoryDisk {
  open(faults: DiskFaults): MemoryDiskView
  /** Loses power: unsynced data is kept, torn or lost, unsynced changes of folders are kept or lost, file by file. */
  crash(random: Random): void
}

interface MemoryFile {
  readonly kind: 'file'
  bytes: Uint8Array
  isSynced: boolean
  readonly modifiedAtMs: number
}

interface MemoryFolder {
  readonly kind: 'folder'
  entries: Map<string, MemoryNode>
  durable: Map<string, MemoryNode>
  readonly modifiedAtMs: number
}

type MemoryNode = MemoryFile | MemoryFolder

export function createMemoryDisk(clock: Clock): MemoryDisk {
  const root = newFolder(clock.nowMs())
  return {
    open: faults => createView(root, clock, faults),
    crash: random => losePower(root, random),
  }
}

function createView(root: MemoryFolder, clock: Clock, faults: DiskFaults): MemoryDiskView {
  async function step<T>(call: DiskStep['call'], path: string, work: () => T, skipped: () => T): Promise<T> {
    const fault = await faults({ call, path })
    if (fault?.type === 'fail') throw fault.error
    if (fault?.type === 'skip') return skipped()
    const result = work()
    if (fault?.type === 'fail-after') throw fault.error
    return result
  }
  const act = (call: DiskStep['call'], path: string, work: () => void): Promise<void> =>
    step(call, path, work, () => undefined)
  const look = <T>(call: DiskStep['call'], path: string, work: () => T): Promise<T> =>
    step(call, path, work, work)

  const write = (path: string, bytes: Uint8Array): Promise<void> =>
    act('write', path, () => addFile(root, path, bytes, clock.nowMs()))
  const sync = (path: string): Promise<void> => act('fsync', path, () => syncNode(nodeAt(root, path)))

  return {
    readFile: (path, range) =>
      look('read', path, () => fileAt(root, path).bytes.slice(range?.start, range?.end)),
    async writeFile(path, bytes) {
      await write(path, bytes)
      await sync(path)
    },
    writeUnsynced: write,
    sync,
    link: (path, newPath) => act('link', newPath, () => addEntry(root, newPath, fileAt(root, path))),
    unlink: path =>
      act('unlink', path, () => {
        fileAt(root, path)
        folderOf(root, path).entries.delete(nameOf(path))
      }),
    makeFolder: path => act('mkdir', path, () => addEntry(root, path, newFolder(clock.nowMs()))),
    stat: path => look('stat', path, () => statNode(nodeAt(root, path))),
    // There are no links to follow.
    realPath: path =>
      look('stat', path, () => {
        nodeAt(root, path)
        return path
      }),
    async *names(folder) {
      yield* await look('names', folder, () => [...folderAt(root, folder).entries.keys()])
    },
  }
}

function losePower(folder: MemoryFolder, random: Random): void {
  const survivors = new Map<string, MemoryNode>()
  for (const name of new Set([...folder.durable.keys(), ...folder.entries.keys()])) {
    const before = folder.durable.get(name)
    const after = folder.entries.get(name)
    const node = before === after || randomFraction(random) < 0.5 ? before : after
    if (node !== undefined) survivors.set(name, node)
  }
  folder.entries = survivors
  folder.durable = new Map(survivors)
  for (const node of survivors.values()) {
    if (node.kind === 'folder') losePower(node, random)
    else tearUnsynced(node, random)
  }
}

function tearUnsynced(file: MemoryFile, random: Random): void {
  if (file.isSynced) return
  const outcome = randomFraction(random)
  if (outcome < 0.4) file.bytes = new Uint8Array(0)
  else if (outcome < 0.6)
    file.bytes = file.bytes.slice(0, Math.floor(file.bytes.length * randomFraction(random)))
  // The length reached the disk and the end of the data did not.
  else if (outcome < 0.8)
    file.bytes = file.bytes.slice().fill(0, Math.floor(file.bytes.length * randomFraction(random)))
  file.isSynced = true
}

function syncNode(node: MemoryNode): void {
  if (node.kind === 'folder') node.durable = new Map(node.entries)
  else node.isSynced = true
}

function addFile(root: MemoryFolder, path: string, bytes: Uint8Array, modifiedAtMs: number): void {
  addEntry(root, path, { kind: 'file', bytes: bytes.slice(), isSynced: false, modifiedAtMs })
}

function addEntry(root: MemoryFolder, path: string, node: MemoryNode): void {
  const folder = folderOf(root, path)
  if (folder.entries.has(nameOf(path))) throw systemError('EEXIST', path)
  folder.entries.set(nameOf(path), node)
}

function newFolder(modifiedAtMs: number): MemoryFolder {
  return { kind: 'folder', entries: new Map(), durable: new Map(), modifiedAtMs }
}

function statNode(node: MemoryNode): DiskStat {
  return {
    kind: node.kind,
    sizeBytes: node.kind === 'file' ? node.bytes.length : 0,
    modifiedAtMs: node.modifiedAtMs,
  }
}

function nodeAt(root: MemoryFolder, path: string): MemoryNode {
  let node: MemoryNode = root
  for (const name of path.split('/').filter(part => part !== '')) {
    if (node.kind !== 'folder') throw systemError('ENOTDIR', path)
    const next: MemoryNode | undefined = node.entries.get(name)
    if (next === undefined) throw systemError('ENOENT', path)
    node = next
  }
  return node
}

function fileAt(root: MemoryFolder, path: string): MemoryFile {
  const node = nodeAt(root, path)
  if (node.kind !== 'file') throw systemError('EISDIR', path)
  return node
}

function folderAt(root: MemoryFolder, path: string): MemoryFolder {
  const node = nodeAt(root, path)
  if (node.kind !== 'folder') throw systemError('ENOTDIR', path)
  return node
}

function folderOf(root: MemoryFolder, path: string): MemoryFolder {
  return folderAt(root, path.slice(0, path.lastIndexOf('/')))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** An error as Node reports the failed system call `errno`, for faults and for the disk itself. */
export function systemError(errno: string, path: string): Error {
  return Object.assign(new Error(`${errno}: simulated, '${path}'`), { code: errno })
}
