import { IngotError } from '../errors.ts'
import { errnoOf } from './disk.ts'

interface Cause {
  readonly what: string
  readonly hint: string
  /** Whether it passes by itself, or once an operator made room. */
  readonly retryable: boolean
}

const FULL =
  'free space on the disk, or move the storage to a larger one; what was committed before is intact'
const DENIED = 'give the user that ingot runs as the right to read and write this folder'
const HANDLES = 'raise the limit of open files (ulimit -n, or LimitNOFILE of the service)'

const CAUSES: Readonly<Record<string, Cause>> = {
  ENOSPC: { what: 'the disk is full', hint: FULL, retryable: true },
  EDQUOT: { what: 'the disk quota is used up', hint: FULL, retryable: true },
  EACCES: { what: 'permission denied', hint: DENIED, retryable: false },
  EPERM: {
    what: 'operation not permitted',
    hint: `${DENIED}; the file system must have hard links`,
    retryable: false,
  },
  EROFS: {
    what: 'the file system is read-only',
    hint: 'mount it for writing; Linux makes a disk with errors read-only',
    retryable: false,
  },
  EMFILE: { what: 'too many open files in this process', hint: HANDLES, retryable: true },
  ENFILE: { what: 'too many open files on this machine', hint: HANDLES, retryable: true },
  EIO: { what: 'the disk failed', hint: 'look for errors of the disk in the kernel log', retryable: false },
  ENAMETOOLONG: { what: 'the name is too long', hint: 'shorten the path of the storage', retryable: false },
  ENOTSUP: {
    what: 'the file system does not support it',
    hint: 'put the lake on a local file system with hard links (ext4, xfs, apfs)',
    retryable: false,
  },
  EAGAIN: { what: 'a resource is in use', hint: 'try again', retryable: true },
  EBUSY: { what: 'a resource is in use', hint: 'try again', retryable: true },
}

/**
 * What a failed system call means to who asked for `location`: FILE_NOT_FOUND, FILE_EXISTS, or STORAGE_FAILED with the
 * errno. Any other error is returned as it is.
 */
export function toStorageError(error: unknown, operation: string, location: string): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const context = { operation, location, errno }
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new IngotError('FILE_NOT_FOUND', `there is no file ${location}`, { cause: error, context })
  }
  if (errno === 'EEXIST') {
    return new IngotError('FILE_EXISTS', `there is a file ${location} already`, { cause: error, context })
  }
  const known = CAUSES[errno]
  return new IngotError(
    'STORAGE_FAILED',
    `${operation} of ${location} failed: ${known?.what ?? 'system call failed'} (${errno})`,
    {
      cause: error,
      context,
      retryable: known?.retryable ?? false,
      hint: known?.hint ?? 'check the file system that holds the storage',
    },
  )
}
