import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'

/** The format version in which a table is written. @throws UNSUPPORTED for version 1, which has no sequence numbers and no deletes */
export function writableVersion(metadata: TableMetadata): 2 | 3 {
  const version = metadata['format-version']
  if (version !== 1) return version
  throw new IngotError('UNSUPPORTED', `table at ${metadata.location} has format version 1: it is read only`, {
    hint: 'upgrade the table to format version 2',
    context: { location: metadata.location, formatVersion: version },
  })
}
