import { IngotError } from '../errors.ts'
import { errnoOf } from '../storage/disk.ts'

interface Cause {
  readonly what: string
  readonly hint: string
}

const DENIED = 'give the user that ingot runs as the right to read it, and to enter the folders above it'

const CAUSES: Readonly<Record<string, Cause>> = {
  EACCES: { what: 'permission denied', hint: DENIED },
  EPERM: { what: 'operation not permitted', hint: DENIED },
  ENOTDIR: { what: 'a part of the path is no folder', hint: 'correct the path in from: files(…)' },
  ELOOP: { what: 'its symbolic links lead in a circle', hint: 'correct the link, or remove it' },
  EIO: { what: 'the disk failed', hint: 'look for errors of the disk in the kernel log' },
  EMFILE: { what: 'too many open files in this process', hint: 'raise the limit of open files (ulimit -n)' },
  ENFILE: { what: 'too many open files on this machine', hint: 'raise the limit of open files' },
}

/**
 * What a failed system call on a file of a source means: SOURCE_CHANGED, retryable, when the file is gone since it was listed, else
 * STORAGE_FAILED. Any other error is returned as it is.
 */
export function toSourceError(error: unknown, path: string): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const context = { path, errno }
  if (errno === 'ENOENT') {
    return new IngotError('SOURCE_CHANGED', `${path} was removed while it was read`, {
      cause: error,
      retryable: true,
      hint: 'run again; let a file stay until a run has taken it',
      context,
    })
  }
  const { what = 'system call failed', hint = 'check the file system that holds it' } = CAUSES[errno] ?? {}
  return new IngotError('STORAGE_FAILED', `${path} cannot be read: ${what} (${errno})`, {
    cause: error,
    hint,
    context,
  })
}

/** The error of a file that has other content than it had when it was listed. */
export function writtenWhileRead(source: string, path: string): IngotError {
  return new IngotError('SOURCE_CHANGED', `${source} was written to while it was read`, {
    retryable: true,
    hint: 'write a file under another name and rename it when it is complete',
    context: { source, path },
  })
}

/** Does `work` on a file of a source. @throws what toSourceError makes of a failed system call */
export async function readingSource<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toSourceError(error, path)
  }
}
