import { type ErrorCode, IngotError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { JsonReader, METADATA_DEPTH_MAX, withoutUndefined } from './json-reader.ts'
import { readSchema } from './schema-json.ts'
import type { ViewMetadata, ViewRepresentation, ViewVersion } from './view-types.ts'

/**
 * Reads a metadata file of a view (Iceberg view spec, "View Metadata"); what is not known is kept.
 * @throws METADATA_INVALID naming the field that is wrong
 */
export function parseViewMetadata(source: Uint8Array | string): ViewMetadata {
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  let value: unknown
  try {
    value = parseJson(text, METADATA_DEPTH_MAX)
  } catch (cause) {
    throw new IngotError('METADATA_INVALID', `view metadata is not JSON: ${String(cause)}`, { cause })
  }
  const reader = new JsonReader(value, '', 'METADATA_INVALID')
  const metadata = readMetadata(reader)
  checkReferences(metadata, reader)
  return metadata
}

/** Reads one version of a view; `path` is where it is in its document. @throws `code` naming the field that is wrong */
export function parseViewVersion(value: unknown, path: string, code: ErrorCode): ViewVersion {
  return readViewVersion(new JsonReader(value, path, code))
}

function readMetadata(reader: JsonReader): ViewMetadata {
  const version = reader.integer('format-version')
  if (version !== 1) throw reader.wrong('format-version', '1', version)
  return {
    ...reader.members,
    'view-uuid': reader.string('view-uuid').toLowerCase(),
    'format-version': version,
    location: reader.string('location'),
    schemas: reader.objects('schemas').map(readSchema),
    'current-version-id': reader.integer('current-version-id'),
    versions: reader.objects('versions').map(readViewVersion),
    'version-log': reader.objects('version-log').map(entry => ({
      ...entry.members,
      'version-id': entry.integer('version-id'),
      'timestamp-ms': entry.integer('timestamp-ms'),
    })),
    properties: reader.optional('properties', reader.texts) ?? {},
  }
}

function checkReferences(metadata: ViewMetadata, reader: JsonReader): void {
  const schemaIds = metadata.schemas.map(schema => schema['schema-id'])
  const versionIds = metadata.versions.map(version => version['version-id'])
  requireUnique(reader, 'schemas', 'schema-id', schemaIds)
  requireUnique(reader, 'versions', 'version-id', versionIds)
  const current = metadata['current-version-id']
  if (!versionIds.includes(current)) {
    throw reader.wrong('current-version-id', `one of ${versionIds.join(', ') || 'no versions'}`, current)
  }
  for (const [index, version] of metadata.versions.entries()) {
    const schemaId = version['schema-id']
    if (schemaIds.includes(schemaId)) continue
    throw reader.wrong(
      `versions[${index}].schema-id`,
      `one of ${schemaIds.join(', ') || 'no schemas'}`,
      schemaId,
    )
  }
}

function requireUnique(reader: JsonReader, list: string, name: string, ids: readonly number[]): void {
  const index = ids.findIndex((id, place) => ids.indexOf(id) < place)
  if (index >= 0) throw reader.wrong(`${list}[${index}].${name}`, 'an id that occurs once', ids[index])
}

function readViewVersion(reader: JsonReader): ViewVersion {
  const representations = reader.objects('representations').map(readRepresentation)
  const dialects = representations.map(({ dialect }) => dialect.toLowerCase())
  const repeated = dialects.findIndex((dialect, place) => dialects.indexOf(dialect) < place)
  if (repeated >= 0) {
    const where = `representations[${repeated}].dialect`
    throw reader.wrong(where, 'a dialect that occurs once', representations[repeated]?.dialect)
  }
  if (representations.length === 0)
    throw reader.wrong('representations', 'one representation at least', 'none')
  return withoutUndefined<ViewVersion>({
    ...reader.members,
    'version-id': reader.integer('version-id'),
    'schema-id': reader.integer('schema-id'),
    'timestamp-ms': reader.integer('timestamp-ms'),
    summary: reader.texts('summary'),
    representations,
    'default-catalog': reader.optional('default-catalog', reader.string),
    'default-namespace': reader.strings('default-namespace'),
  })
}

function readRepresentation(reader: JsonReader): ViewRepresentation {
  const type = reader.string('type')
  if (type !== 'sql') throw reader.wrong('type', 'sql', type)
  return { ...reader.members, type, sql: reader.string('sql'), dialect: reader.string('dialect') }
}
