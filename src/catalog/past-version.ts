import { IngotError, isIngotError } from '../errors.ts'
import { readManifestList } from '../format/manifest-list.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSnapshot } from '../format/snapshot.ts'
import type { FileIO } from '../storage/file-io.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { LoadedTable, TableOrigin } from './catalog.ts'
import { requireSameFamily } from './clone-metadata.ts'
import type { MetadataFiles } from './metadata-files.ts'
import type { CatalogStore, PointerOrigin } from './store.ts'
import { notFound } from './store-refusals.ts'

/** A version of the past that is to be a table again. */
export interface PastVersion {
  readonly metadata: TableMetadata
  readonly metadataLocation: string
  readonly origin: PointerOrigin
}

interface VersionContext {
  readonly store: CatalogStore
  readonly io: FileIO
  readonly files: MetadataFiles<TableMetadata>
}

/**
 * Reads a version of the past, and looks whether what it leads to is there: its metadata file, and of its newest snapshot the
 * manifests.
 * @throws TABLE_NOT_FOUND when there was no table of that name then; HISTORY_FORGOTTEN when it is no longer kept
 */
export async function readVersion(
  { store, io, files }: VersionContext,
  { of, transactionId }: Extract<TableOrigin, { type: 'version' }>,
): Promise<PastVersion> {
  const metadataLocation = await store.pointerAt(of, { transactionId })
  if (metadataLocation === undefined) throw notFound(of, 'table')
  try {
    // What was read once is remembered, and says nothing of the file.
    await requireFile(io, metadataLocation)
    const metadata = await files.read(metadataLocation)
    await requireManifests(io, metadata)
    await requireFamilyOfFolder({ store, files }, { identifier: of, metadata, metadataLocation })
    const folder = folderOf(metadataLocation)
    return { metadata, metadataLocation, origin: { type: 'version', of, transactionId, folder } }
  } catch (error) {
    throw isIngotError(error, 'FILE_NOT_FOUND') ? filesRemoved(of, error) : error
  }
}

/**
 * Refuses an older version of a table that was cloned or given up since: it knows nothing of those who share its files, and they would
 * lose them.
 * @throws REQUEST_INVALID
 */
export async function requireFamilyOfFolder(
  { store, files }: Pick<VersionContext, 'store' | 'files'>,
  { identifier, metadata, metadataLocation }: LoadedTable,
): Promise<void> {
  const folder = `${folderOf(metadataLocation)}/`
  const versions = await store.versions()
  const last = versions.findLast(version => version.metadataLocation?.startsWith(folder))
  // Of what is forgotten the file may be gone; what was never of this catalog has shared nothing here.
  if (!last?.metadataLocation || last.isForgotten || last.metadataLocation === metadataLocation) return
  requireSameFamily(identifier, await files.read(last.metadataLocation), metadata)
}

function folderOf(location: string): string {
  return location.slice(0, location.lastIndexOf('/'))
}

async function requireManifests(io: FileIO, metadata: TableMetadata): Promise<void> {
  const snapshot = currentSnapshot(metadata)
  if (snapshot === undefined) return
  for (const { manifestPath } of readManifestList(await io.read(snapshot['manifest-list']))) {
    await requireFile(io, manifestPath)
  }
}

async function requireFile(io: FileIO, location: string): Promise<void> {
  if ((await io.stat(location)) !== undefined) return
  throw new IngotError('FILE_NOT_FOUND', `there is no file ${location}`)
}

function filesRemoved(of: TableIdentifier, cause: IngotError): IngotError {
  return new IngotError(
    'HISTORY_FORGOTTEN',
    `table ${formatIdentifier(of)} cannot come back, files of it are removed: ${cause.message}`,
    {
      cause,
      hint: 'restore them from a backup, or let ingot run make the table anew',
      context: { identifier: of },
    },
  )
}
