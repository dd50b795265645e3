import { IngotError, isIngotError } from '../errors.ts'
import { parseTableMetadata } from '../format/table-metadata.ts'
import type { FileIO } from '../storage/file-io.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import type { CatalogStore } from './store.ts'
import { isAssignedTo } from './table-location.ts'

/** What every version of a table or view leaves in its folder, until its files are removed. */
const METADATA_FILE = /\.metadata\.json$/

interface FreeLocationContext {
  readonly io: FileIO
  readonly store: Pick<CatalogStore, 'versions'>
  /** The location that every table lies in. */
  readonly root: string
}

/** Something new, and where a client puts it. */
interface Newcomer {
  readonly identifier: TableIdentifier
  readonly location: string
  /** Of a table: what an attempt to create it may have left there is its own. */
  readonly uuid?: string
}

/**
 * Refuses a location that a client chose when a table or view lies there, in it or around it, be it a dropped one: its folder would be
 * that of two. The storage is asked, which knows of them all. What somebody else creates there at the same moment is not seen: it would
 * have to be chosen by both, as what the catalog assigns is random.
 * @throws REQUEST_INVALID
 */
export async function requireFreeLocation(context: FreeLocationContext, newcomer: Newcomer): Promise<void> {
  const { identifier, location } = newcomer
  // Where the catalog assigns folders, there are none in one another.
  const inside = isAssignedTo(context.root, identifier, location) ? `${location}/metadata` : location
  const around = foldersAround(context.root, location).map(folder => `${folder}/metadata`)
  for (const folder of [inside, ...around]) {
    for await (const { location: file } of context.io.list(folder)) {
      // Deeper ones are of tables in a namespace that is called metadata.
      if (folder !== inside && file.slice(folder.length + 1).includes('/')) continue
      if (!METADATA_FILE.test(file) || (await isLeftBy(newcomer, file, context))) continue
      throw taken(location, file)
    }
  }
}

/** Whether this is of an attempt to create the very table that never was committed. */
async function isLeftBy(
  { location, uuid }: Newcomer,
  file: string,
  { io, store }: FreeLocationContext,
): Promise<boolean> {
  if (uuid === undefined) return false
  try {
    if (parseTableMetadata(await io.read(file))['table-uuid'] !== uuid) return false
  } catch (error) {
    if (isIngotError(error, 'METADATA_INVALID')) return false
    throw error
  }
  const versions = await store.versions()
  return !versions.some(({ metadataLocation }) => metadataLocation?.startsWith(`${location}/`))
}

/** From the root on, without the location itself. */
function foldersAround(root: string, location: string): readonly string[] {
  const folder = root.replace(/\/+$/, '')
  const segments = location.slice(folder.length + 1).split('/')
  return segments.map((_, index) => [folder, ...segments.slice(0, index)].join('/'))
}

function taken(location: string, file: string): IngotError {
  return new IngotError('REQUEST_INVALID', `location ${location} is that of another table or view: ${file}`, {
    hint: 'leave the location out, and the catalog chooses one; or name a folder that nothing lies in',
    context: { field: 'location', location, file },
  })
}
