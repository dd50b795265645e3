import { IngotError, isIngotError } from '../errors.ts'
import { checkTableMetadata } from '../format/metadata-checks.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { FileIO } from '../storage/file-io.ts'
import type { RegisterRequest } from './catalog.ts'
import type { MetadataFiles } from './metadata-files.ts'
import { locationInside } from './table-location.ts'
import { CLONE_LOCATIONS, locationsOf, requireFileOf } from './table-locations.ts'

/** Far above the metadata of any table that works; a file is read as a whole. */
const METADATA_BYTES_MAX = 128 * 1024 * 1024

/** Properties that say where writers put the files of a table. */
export const LOCATION_PROPERTIES = [
  'write.data.path',
  'write.metadata.path',
  'write.object-storage.path',
  'write.folder-storage.path',
] as const

/**
 * Accepts metadata that a client built or wrote: what it says of itself must hold, and every file that it names must be the table's
 * own. What manifests name is checked by SnapshotAdmission.
 * @param base the version before it, whose snapshots and statistics are accepted already; null when there is none
 * @throws REQUEST_INVALID naming the field that is wrong
 */
export function checkForeignMetadata(
  root: string,
  metadata: TableMetadata,
  base: TableMetadata | null,
): void {
  const accepted = new Set(base?.snapshots)
  checkTableMetadata(metadata, accepted)
  requireLocation(root, metadata, base)
  const locations = locationsOf(metadata)
  for (const folder of locations.shared) locationInside(root, folder, `properties.${CLONE_LOCATIONS}`)
  for (const [index, snapshot] of metadata.snapshots.entries()) {
    if (accepted.has(snapshot)) continue
    requireFileOf(locations, snapshot['manifest-list'], `snapshots[${index}].manifest-list`)
  }
  for (const list of ['statistics', 'partition-statistics'] as const) {
    const before = new Set(base?.[list]?.map(file => file['statistics-path']))
    for (const [index, { 'statistics-path': path }] of (metadata[list] ?? []).entries()) {
      if (!before.has(path)) requireFileOf(locations, path, `${list}[${index}].statistics-path`)
    }
  }
  for (const [index, entry] of metadata['metadata-log'].entries()) {
    locationInside(root, entry['metadata-file'], `metadata-log[${index}].metadata-file`)
  }
  // Whenever they were set: what writers put elsewhere could never be committed.
  const own = { own: locations.own, shared: [] }
  for (const property of LOCATION_PROPERTIES) {
    const location = metadata.properties[property]
    if (location !== undefined) requireFileOf(own, location, `properties.${property}`)
  }
}

/** A table stays where it is: its snapshots of before name files there. @throws REQUEST_INVALID */
function requireLocation(root: string, { location }: TableMetadata, base: TableMetadata | null): void {
  if (base === null) locationInside(root, location)
  else if (location !== base.location) {
    throw new IngotError('REQUEST_INVALID', `location: the table lies in ${base.location}, and stays there`, {
      hint: 'create a table at the other location, and copy the rows',
      context: { field: 'location', location: location.slice(0, 1000) },
    })
  }
}

/** The files of a catalog, and where they lie. */
interface ForeignContext {
  readonly io: FileIO
  readonly root: string
}

/**
 * Reads a metadata file that a client names.
 * @throws REQUEST_INVALID when it is outside the root, missing, too large, or does not follow the specification
 */
export async function readForeign<M extends { readonly location: string }>(
  context: ForeignContext,
  files: MetadataFiles<M>,
  { identifier, metadataLocation }: RegisterRequest,
): Promise<RegisterRequest & { readonly metadata: M }> {
  const location = locationInside(context.root, metadataLocation, 'metadata-location')
  const sizeBytes = (await context.io.stat(location))?.sizeBytes
  if (sizeBytes === undefined) throw refused('metadata-location', `there is no file ${location}`)
  await requireInside(context, location, 'metadata-location')
  if (sizeBytes > METADATA_BYTES_MAX) {
    throw refused('metadata-location', `${location} has ${sizeBytes} bytes, more than ${METADATA_BYTES_MAX}`)
  }
  try {
    return { identifier, metadataLocation: location, metadata: await files.read(location) }
  } catch (error) {
    if (!isIngotError(error, 'METADATA_INVALID')) throw error
    throw new IngotError('REQUEST_INVALID', `${location} cannot be registered: ${error.message}`, {
      cause: error,
      hint: 'the metadata must follow the Iceberg specification; correct the field that is named',
      context: { field: 'metadata-location', ...error.context },
    })
  }
}

/** The current snapshot must lead somewhere in the lake. @throws REQUEST_INVALID */
export async function requireManifestList(context: ForeignContext, metadata: TableMetadata): Promise<void> {
  const id = metadata['current-snapshot-id']
  const index = metadata.snapshots.findIndex(snapshot => snapshot['snapshot-id'] === id)
  const list = metadata.snapshots[index]?.['manifest-list']
  if (list === undefined) return
  const field = `snapshots[${index}].manifest-list`
  if ((await context.io.stat(list)) === undefined) throw refused(field, `there is no file ${list}`)
  await requireInside(context, list, field)
}

/** A link in the lake may lead out of it. */
async function requireInside({ io, root }: ForeignContext, location: string, field: string): Promise<void> {
  const [real, realRoot] = await Promise.all([io.realLocation(location), io.realLocation(root)])
  if (real.startsWith(`${realRoot}/`)) return
  throw refused(field, `${location} is a link that leads out of the lake`)
}

function refused(field: string, why: string): IngotError {
  return new IngotError('REQUEST_INVALID', `${field}: ${why}`, {
    hint: 'name a metadata file inside the lake whose files are there',
    context: { field },
  })
}
