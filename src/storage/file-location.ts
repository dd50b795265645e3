import { IngotError } from '../errors.ts'

const SCHEME = 'file://'

/**
 * The absolute path of a `file://` location; `file:/path`, as Hadoop writes it, is understood too.
 * @throws REQUEST_INVALID for another scheme, a host, a NUL, or a `..` segment (which could leave the storage)
 */
export function pathOfLocation(location: string): string {
  const path = location.startsWith(SCHEME)
    ? location.slice(SCHEME.length)
    : location.slice(location.startsWith('file:') ? 'file:'.length : 0)
  if (!location.startsWith('file:') || !path.startsWith('/')) {
    throw refusedLocation(location, 'it is not a file:// location with an absolute path')
  }
  return checkPath(path, location)
}

/** The `file://` location of an absolute path: its text as it is, nothing percent-encoded. @throws REQUEST_INVALID */
export function locationOfPath(path: string): string {
  if (!path.startsWith('/')) throw refusedLocation(path, 'it is not an absolute path')
  return SCHEME + checkPath(path, path)
}

function checkPath(path: string, location: string): string {
  if (path.includes('\0')) throw refusedLocation(location, 'it contains a NUL character')
  if (path.split('/').includes('..')) throw refusedLocation(location, 'it contains a ".." segment')
  return path
}

/** The error for a location that no storage takes. */
export function refusedLocation(location: string, why: string): IngotError {
  return new IngotError('REQUEST_INVALID', `location ${JSON.stringify(location)} is refused: ${why}`, {
    hint: 'name files by their full location below the storage, such as file:///lake/silver/orders/data/x.parquet',
    context: { location },
  })
}
