import type { ByteRange } from './file-io.ts'

export interface DiskStat {
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

/**
 * The few POSIX calls that the protocol of PosixFileIO is made of, so that a simulated disk can stand in for the real
 * one. Paths are absolute. Failures are errors with an errno `code` (`ENOENT`), as Node's are.
 */
export interface Disk {
  /** The file, or what it has of a part of it. */
  readFile(path: string, range?: ByteRange): Promise<Uint8Array>
  /** Creates a file (EEXIST when the name is taken), writes it and fsyncs it before it is closed. The name is not durable. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>
  /** fsync of a file or of a folder. */
  sync(path: string): Promise<void>
  /** Gives a file a second name; EEXIST when that is taken. */
  link(path: string, newPath: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Makes one folder in one that exists; EEXIST. */
  makeFolder(path: string): Promise<void>
  stat(path: string): Promise<DiskStat>
  /** The path that this one leads to when every link is followed. */
  realPath(path: string): Promise<string>
  /** The names in a folder. */
  names(folder: string): AsyncIterable<string>
}

/** The errno code of a failed system call, undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined
}
