import { IngotError } from '../errors.ts'
import { sameSchema } from './schema.ts'
import type { Schema } from './types.ts'
import type { ViewMetadata, ViewRequirement, ViewUpdate, ViewVersion } from './view-types.ts'

/** What applying updates to a view needs from outside. */
export interface ApplyViewOptions {
  readonly nowMs: number
  /** Where a view that is built from nothing lies, unless an update says so. */
  readonly location?: string
}

/** How many versions a view keeps where its property does not say (Iceberg, ViewProperties). */
const VERSIONS_KEPT_DEFAULT = 10
const VERSIONS_KEPT_PROPERTY = 'version.history.num-entries'

/** The metadata while updates are applied to it. */
interface Draft {
  metadata: ViewMetadata
  readonly nowMs: number
  readonly addedVersionIds: Set<number>
  lastAddedSchemaId?: number
  lastAddedVersionId?: number
}

const EMPTY: ViewMetadata = {
  'view-uuid': '',
  'format-version': 1,
  location: '',
  schemas: [],
  'current-version-id': -1,
  versions: [],
  'version-log': [],
  properties: {},
}

/**
 * The metadata with updates applied in their order (REST spec, ViewUpdate); from null, a new view that they build.
 * Versions beyond `version.history.num-entries` are left out, the oldest first. Pure; checks no requirement.
 * @throws REQUEST_INVALID when an update cannot be applied
 */
export function applyViewUpdates(
  base: ViewMetadata | null,
  updates: readonly ViewUpdate[],
  options: ApplyViewOptions,
): ViewMetadata {
  const draft: Draft = {
    metadata: base ?? { ...EMPTY, location: options.location ?? '' },
    nowMs: options.nowMs,
    addedVersionIds: new Set(),
  }
  for (const update of updates) applyUpdate(draft, update)
  checkResult(draft.metadata)
  return withVersionsKept(draft)
}

/** @throws COMMIT_CONFLICT naming the first requirement that does not hold */
export function checkViewRequirements(
  metadata: ViewMetadata,
  requirements: readonly ViewRequirement[],
): void {
  for (const { type, uuid } of requirements) {
    const found = metadata['view-uuid']
    if (uuid.toLowerCase() === found.toLowerCase()) continue
    throw new IngotError(
      'COMMIT_CONFLICT',
      `requirement ${type} failed: expected view uuid ${uuid}, found ${found}`,
      {
        hint: 'the view was dropped and made again: load it and commit on what it is now',
        context: { requirement: type, expected: uuid, found },
      },
    )
  }
}

type Handlers = {
  readonly [A in ViewUpdate['action']]: (draft: Draft, update: Extract<ViewUpdate, { action: A }>) => void
}

const HANDLERS: Handlers = {
  'assign-uuid': (draft, update) => assignUuid(draft, update.uuid),
  'upgrade-format-version': (_draft, update) => requireFormatVersion(update['format-version']),
  'add-schema': (draft, update) => addSchema(draft, update.schema),
  'set-location': (draft, update) => change(draft, { location: update.location }),
  'set-properties': (draft, update) =>
    change(draft, { properties: { ...draft.metadata.properties, ...update.updates } }),
  'remove-properties': (draft, update) => removeProperties(draft, update.removals),
  'add-view-version': (draft, update) => addVersion(draft, update['view-version']),
  'set-current-view-version': (draft, update) => setCurrentVersion(draft, update['view-version-id']),
}

function applyUpdate(draft: Draft, update: ViewUpdate): void {
  if (!Object.hasOwn(HANDLERS, update.action)) {
    throw invalid(`there is no view update ${JSON.stringify(update.action)}`)
  }
  // The compiler does not see that the handler is that of the update's own action.
  const handler = HANDLERS[update.action] as (draft: Draft, update: ViewUpdate) => void
  handler(draft, update)
}

function change(draft: Draft, members: Partial<ViewMetadata>): void {
  draft.metadata = { ...draft.metadata, ...members }
}

function invalid(message: string): IngotError {
  return new IngotError('REQUEST_INVALID', message)
}

function assignUuid(draft: Draft, uuid: string): void {
  const current = draft.metadata['view-uuid']
  if (current !== '' && current !== uuid.toLowerCase()) {
    throw invalid(`view uuid is ${current} and cannot become ${uuid}`)
  }
  change(draft, { 'view-uuid': uuid.toLowerCase() })
}

function requireFormatVersion(version: number): void {
  if (version === 1) return
  throw new IngotError('UNSUPPORTED', `format version ${version} of views is not supported, only 1`)
}

function addSchema(draft: Draft, schema: Schema): void {
  const { schemas } = draft.metadata
  const equal = schemas.find(candidate => sameSchema(candidate, schema))
  const id = equal?.['schema-id'] ?? Math.max(-1, ...schemas.map(candidate => candidate['schema-id'])) + 1
  draft.lastAddedSchemaId = id
  if (equal === undefined) change(draft, { schemas: [...schemas, { ...schema, 'schema-id': id }] })
}

function removeProperties(draft: Draft, names: readonly string[]): void {
  const kept = Object.entries(draft.metadata.properties).filter(([name]) => !names.includes(name))
  change(draft, { properties: Object.fromEntries(kept) })
}

function addVersion(draft: Draft, version: ViewVersion): void {
  const { schemas, versions } = draft.metadata
  const schemaIds = schemas.map(schema => schema['schema-id'])
  const schemaId = resolveId(version['schema-id'], draft.lastAddedSchemaId, schemaIds, 'schema')
  const added = { ...version, 'schema-id': schemaId }
  const equal = versions.find(candidate => sameDefinition(candidate, added))
  const id = equal?.['version-id'] ?? freeVersionId(versions, version['version-id'])
  draft.lastAddedVersionId = id
  if (equal !== undefined) return
  draft.addedVersionIds.add(id)
  change(draft, { versions: [...versions, { ...added, 'version-id': id }] })
}

/** The id that the client chose, unless it is no new one: two clients number from the same base. */
function freeVersionId(versions: readonly ViewVersion[], wanted: number): number {
  const highest = Math.max(0, ...versions.map(version => version['version-id']))
  return wanted > highest ? wanted : highest + 1
}

/** Whether two versions say the same; ids and times do not count. */
function sameDefinition(a: ViewVersion, b: ViewVersion): boolean {
  const definition = (version: ViewVersion): string =>
    JSON.stringify([
      version['schema-id'],
      version['default-catalog'],
      version['default-namespace'],
      version.representations.map(({ type, sql, dialect }) => [type, sql, dialect]),
      Object.entries(version.summary).sort(([one], [other]) => (one < other ? -1 : 1)),
    ])
  return definition(a) === definition(b)
}

function resolveId(
  id: number,
  lastAdded: number | undefined,
  known: readonly number[],
  what: string,
): number {
  if (id === -1 && lastAdded === undefined)
    throw invalid(`${what} -1 means the one added last, and none was added`)
  const resolved = id === -1 && lastAdded !== undefined ? lastAdded : id
  if (!known.includes(resolved))
    throw invalid(`view has no ${what} ${resolved}, only ${known.join(', ') || 'none'}`)
  return resolved
}

function setCurrentVersion(draft: Draft, wanted: number): void {
  const { versions, 'current-version-id': current, 'version-log': log } = draft.metadata
  const known = versions.map(version => version['version-id'])
  const id = resolveId(wanted, draft.lastAddedVersionId, known, 'version')
  if (id === current) return
  const version = versions.find(candidate => candidate['version-id'] === id)
  const isNew = version !== undefined && draft.addedVersionIds.has(id)
  const timestampMs = isNew ? version['timestamp-ms'] : draft.nowMs
  change(draft, {
    'current-version-id': id,
    'version-log': [...log, { 'version-id': id, 'timestamp-ms': timestampMs }],
  })
}

function checkResult(metadata: ViewMetadata): void {
  if (metadata['view-uuid'] === '') throw invalid('a new view needs assign-uuid')
  if (metadata.location === '') throw invalid('a new view needs set-location')
  if (metadata['current-version-id'] === -1) {
    throw invalid('a new view needs add-view-version and set-current-view-version')
  }
}

/** What this commit added stays, whatever the property says, and so does the current version. */
function withVersionsKept({ metadata, addedVersionIds }: Draft): ViewMetadata {
  const setting = Number(metadata.properties[VERSIONS_KEPT_PROPERTY] ?? VERSIONS_KEPT_DEFAULT)
  if (!Number.isInteger(setting) || setting < 1) {
    throw invalid(
      `${VERSIONS_KEPT_PROPERTY} is a whole number from 1, not ${metadata.properties[VERSIONS_KEPT_PROPERTY]}`,
    )
  }
  const surplus = metadata.versions.length - Math.max(setting, addedVersionIds.size)
  if (surplus <= 0) return metadata
  const removable = metadata.versions
    .map(version => version['version-id'])
    .filter(id => id !== metadata['current-version-id'] && !addedVersionIds.has(id))
    .sort((a, b) => a - b)
  const removed = new Set(removable.slice(0, surplus))
  return {
    ...metadata,
    versions: metadata.versions.filter(version => !removed.has(version['version-id'])),
    'version-log': afterLast(metadata['version-log'], entry => removed.has(entry['version-id'])),
  }
}

/** What follows the last match: a gap in the log would say that the version before it was current all the while. */
function afterLast<T>(items: readonly T[], matches: (item: T) => boolean): readonly T[] {
  return items.slice(items.findLastIndex(matches) + 1)
}
