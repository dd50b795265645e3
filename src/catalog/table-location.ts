import { IngotError } from '../errors.ts'
import type { Random } from '../random.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** Keeps a folder name, with its suffix, far below the 255 bytes that file systems allow. */
const SLUG_CHARACTERS_MAX = 64

/**
 * A location for a new table: `<root>/<namespace>/<name>-<8 hex>`. Names become readable but harmless text; the random
 * suffix makes tables apart whose names look the same then, and a table from its predecessor of the same name.
 */
export function assignLocation(root: string, identifier: TableIdentifier, random: Random): string {
  const suffix = Buffer.from(random.bytes(4)).toString('hex')
  const namespace = slugOf(identifier.namespace.join('.'))
  return `${withoutTrailingSlash(root)}/${namespace}/${slugOf(identifier.name)}-${suffix}`
}

/** Whether `assignLocation` may have given this location to a table or view of this name. */
export function isAssignedTo(root: string, identifier: TableIdentifier, location: string): boolean {
  const namespace = slugOf(identifier.namespace.join('.'))
  const start = `${withoutTrailingSlash(root)}/${namespace}/${slugOf(identifier.name)}-`
  return location.startsWith(start) && /^[0-9a-f]{8}\/*$/.test(location.slice(start.length))
}

/**
 * A location that a client chose, with `.`, `..` and empty segments resolved.
 * @param field what the error calls it
 * @throws REQUEST_INVALID when that is not inside `root`
 */
export function locationInside(root: string, location: string, field = 'location'): string {
  const folder = withoutTrailingSlash(root)
  const resolved = resolvedInside(folder, location)
  if (resolved !== undefined) return resolved
  const shown = JSON.stringify(location.slice(0, 1000))
  throw new IngotError('REQUEST_INVALID', `${field} ${shown} is not inside ${folder}`, {
    hint: 'files of a lake lie inside its root, the location of a new table may be left out',
    context: { field, location: location.slice(0, 1000), root: folder },
  })
}

/** A location with `.`, `..` and empty segments resolved; undefined when that is not inside `folder`. */
export function resolvedInside(folder: string, location: string): string | undefined {
  const around = normalise(folder) ?? withoutTrailingSlash(folder)
  const resolved = normalise(location)
  return resolved?.startsWith(`${around}/`) ? resolved : undefined
}

function slugOf(text: string): string {
  const slug = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '_')
    .slice(0, SLUG_CHARACTERS_MAX)
  return /[a-z0-9]/.test(slug) ? slug : 'table'
}

/** Undefined when the text is no URI with a path, or climbs out of it. */
function normalise(location: string): string | undefined {
  // `file:/path` is how Hadoop writes `file:///path`.
  const parts = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)\/(.*)$/is.exec(location.replace(/^file:\/(?!\/)/, 'file:///'))
  const [, origin, path] = parts ?? []
  if (origin === undefined || path === undefined || /[\p{Cc}\\]/u.test(path)) return undefined
  if (path.split('/').some(climbsWhenDecoded)) return undefined
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') segments.push(segment)
    else if (segments.pop() === undefined) return undefined
  }
  return `${origin}/${segments.join('/')}`
}

/** Nothing is percent-encoded here, but another engine may decode what it reads: `%2e%2e` must not climb there. */
function climbsWhenDecoded(segment: string): boolean {
  if (!segment.includes('%')) return false
  let decoded: string
  try {
    decoded = decodeURIComponent(segment)
  } catch {
    return false
  }
  return /[\p{Cc}\\]/u.test(decoded) || decoded.split('/').some(part => part === '.' || part === '..')
}

function withoutTrailingSlash(location: string): string {
  return location.replace(/\/+$/, '')
}
