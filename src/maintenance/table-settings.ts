import { familyOf } from '../catalog/clone-metadata.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema } from '../format/schema.ts'
import { CLOCKS_APART_MS } from './plan-orphans.ts'

/** What a setting may be. */
type SettingKind =
  | { readonly type: 'count'; readonly min: number }
  | { readonly type: 'columns' }
  | { readonly type: 'flag' }

/** The properties of a table that say how it is maintained: ingot's own, and those of Iceberg's that it follows. */
export const TABLE_SETTINGS: Readonly<Record<string, SettingKind>> = {
  'ingot.history.dense-ms': { type: 'count', min: 0 },
  'history.expire.max-snapshot-age-ms': { type: 'count', min: 0 },
  'history.expire.min-snapshots-to-keep': { type: 'count', min: 1 },
  'history.expire.max-ref-age-ms': { type: 'count', min: 0 },
  'write.target-file-size-bytes': { type: 'count', min: 1 },
  'ingot.compaction.quiet-ms': { type: 'count', min: 0 },
  'ingot.sort-by': { type: 'columns' },
  'ingot.orphans.older-than-ms': { type: 'count', min: CLOCKS_APART_MS },
  'gc.enabled': { type: 'flag' },
}

/** Names that Iceberg takes for facts of the metadata itself ("Reserved table properties" of its configuration). */
const FACTS_OF_METADATA: readonly string[] = [
  'format-version',
  'uuid',
  'snapshot-count',
  'current-snapshot-summary',
  'current-snapshot-id',
  'current-snapshot-timestamp-ms',
  'current-schema',
  'default-partition-spec',
  'default-sort-order',
]

/** Whether a property is not a person's to set: a record of ingot's own, or a name of Iceberg's for something else. */
export function isReservedProperty(key: string): boolean {
  const isRecord = key.startsWith('ingot.') && !Object.hasOwn(TABLE_SETTINGS, key)
  return isRecord || FACTS_OF_METADATA.includes(key)
}

/** What is wrong with the value of a setting, as the end of a sentence; undefined for what is sensible, and other properties. */
export function settingMisfit(metadata: TableMetadata, key: string, value: string): string | undefined {
  const kind = Object.hasOwn(TABLE_SETTINGS, key) ? TABLE_SETTINGS[key] : undefined
  switch (kind?.type) {
    case 'count':
      return /^\d{1,15}$/.test(value) && Number(value) >= kind.min
        ? undefined
        : `is not a whole number, ${kind.min} or more`
    case 'flag':
      if (key === 'gc.enabled' && value === 'true' && familyOf(metadata) !== undefined)
        return 'cannot be set for a table that shares files with others (ingot clone): other engines would remove theirs'
      return value === 'true' || value === 'false' ? undefined : 'is neither true nor false'
    case 'columns':
      return columnsMisfit(metadata, value)
    case undefined:
      return undefined
  }
}

function columnsMisfit(metadata: TableMetadata, value: string): string | undefined {
  const columns = currentSchema(metadata).fields.map(({ name }) => name)
  const unknown = value
    .split(',')
    .map(name => name.trim())
    .find(name => !columns.includes(name))
  return unknown === undefined
    ? undefined
    : `names ${unknown}, which is no column of the table: they are ${columns.join(', ')}`
}
