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

/**
 * A location that a client chose, with `.`, `..` and empty segments resolved.
 * @throws REQUEST_INVALID when that is not inside `root`
 */
export function locationInside(root: string, location: string): string {
  const folder = withoutTrailingSlash(root)
  const normalised = normalise(location)
  if (normalised === undefined || !normalised.startsWith(`${folder}/`)) {
    throw new IngotError('REQUEST_INVALID', `location ${location.slice(0, 1000)} is not inside ${folder}`, {
      hint: 'leave the location out: the catalog assigns one',
      context: { location, root: folder },
    })
  }
  return normalised
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
  const parts = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)\/(.*)$/is.exec(location)
  const [, origin, path] = parts ?? []
  if (origin === undefined || path === undefined || /[\p{Cc}\\]/u.test(path)) return undefined
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') segments.push(segment)
    else if (segments.pop() === undefined) return undefined
  }
  return `${origin}/${segments.join('/')}`
}

function withoutTrailingSlash(location: string): string {
  return location.replace(/\/+$/, '')
}
