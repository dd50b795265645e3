import { IngotError } from '../errors.ts'
import { defaultMisfit } from './default-values.ts'
import type { EncryptedKey, Snapshot, SnapshotRef, TableMetadata, Update } from './metadata-types.ts'
import {
  assignPartitionIds,
  PARTITION_ID_BEFORE_FIRST,
  samePartitioning,
  specMisfit,
  UNPARTITIONED,
  UNSORTED,
} from './partition-spec.ts'
import { currentSchema, highestFieldId, sameSchema, schemaById } from './schema.ts'
import type { PartitionSpec, Schema, SortOrder } from './types.ts'

/** In a snapshot's summary: a time before its writer created any of its files. */
export const BEGAN_AT = 'ingot.began-at-ms'

/** The property that says up to when files that no snapshot named have been removed: whoever began before is refused. */
export const ORPHANS_REMOVED_BEFORE = 'ingot.orphans-removed-before-ms'

/** What applying updates needs from outside. */
export interface ApplyOptions {
  readonly nowMs: number
  /** Where a table that is built from nothing lies, unless an update says so. */
  readonly location?: string
}

/** The metadata while updates are applied to it. */
interface Draft {
  metadata: TableMetadata
  readonly nowMs: number
  readonly addedSnapshotIds: Set<bigint>
  lastAddedSchemaId?: number
  lastAddedSpecId?: number
  lastAddedSortOrderId?: number
  /** Main moved: the log gets one entry a commit, whatever snapshots lay between. */
  mainMoved: boolean
}

const EMPTY: TableMetadata = {
  'format-version': 2,
  'table-uuid': '',
  location: '',
  'last-sequence-number': 0,
  'last-updated-ms': 0,
  'last-column-id': 0,
  schemas: [],
  'current-schema-id': -1,
  'partition-specs': [],
  'default-spec-id': -1,
  'last-partition-id': PARTITION_ID_BEFORE_FIRST,
  'sort-orders': [],
  'default-sort-order-id': -1,
  properties: {},
  snapshots: [],
  'snapshot-log': [],
  'metadata-log': [],
  refs: {},
}

/**
 * The metadata with updates applied in their order (REST spec, TableUpdate); from null, a new table that they build.
 * Pure: the base is not changed, no requirement is checked, the metadata log is the caller's.
 * @throws REQUEST_INVALID when an update cannot be applied to any table; COMMIT_CONFLICT when another commit since has
 *   made it impossible (a sequence number that is taken, a snapshot removed that a ref names now)
 */
export function applyUpdates(
  base: TableMetadata | null,
  updates: readonly Update[],
  options: ApplyOptions,
): TableMetadata {
  const draft: Draft = {
    metadata: base ?? { ...EMPTY, location: options.location ?? '' },
    nowMs: options.nowMs,
    addedSnapshotIds: new Set(),
    mainMoved: false,
  }
  for (const update of updates) applyUpdate(draft, update)
  if (base === null) completeNewTable(draft)
  if (draft.mainMoved) logCurrentSnapshot(draft)
  checkResult(draft.metadata)
  if (updates.length === 0) return draft.metadata
  const lastUpdatedMs = Math.max(draft.metadata['last-updated-ms'], options.nowMs)
  return { ...draft.metadata, 'last-updated-ms': lastUpdatedMs }
}

/** Appends the file that `metadata` replaces to its log, which keeps as many as `write.metadata.previous-versions-max` says. */
export function withMetadataLog(
  metadata: TableMetadata,
  previousLocation: string,
  previousUpdatedMs: number,
): TableMetadata {
  const setting = Number(metadata.properties['write.metadata.previous-versions-max'] ?? 100)
  const entriesMax = Number.isInteger(setting) && setting >= 1 ? setting : 1
  const entry = { 'metadata-file': previousLocation, 'timestamp-ms': previousUpdatedMs }
  return { ...metadata, 'metadata-log': [...metadata['metadata-log'], entry].slice(-entriesMax) }
}

type Handlers = {
  readonly [A in Update['action']]: (draft: Draft, update: Extract<Update, { action: A }>) => void
}

const HANDLERS: Handlers = {
  'assign-uuid': (draft, update) => assignUuid(draft, update.uuid),
  'upgrade-format-version': (draft, update) => upgradeFormatVersion(draft, update['format-version']),
  'add-schema': (draft, update) => addSchema(draft, update.schema, update['last-column-id'] ?? 0),
  'set-current-schema': (draft, update) => setCurrentSchema(draft, update['schema-id']),
  'add-spec': (draft, update) => addSpec(draft, update.spec),
  'set-default-spec': (draft, update) => setDefaultSpec(draft, update['spec-id']),
  'add-sort-order': (draft, update) => addSortOrder(draft, update['sort-order']),
  'set-default-sort-order': (draft, update) => setDefaultSortOrder(draft, update['sort-order-id']),
  'add-snapshot': (draft, update) => addSnapshot(draft, update.snapshot),
  'set-snapshot-ref': (draft, { action: _action, 'ref-name': name, ...ref }) => setRef(draft, name, ref),
  'remove-snapshots': (draft, update) => removeSnapshots(draft, new Set(update['snapshot-ids'])),
  'remove-snapshot-ref': (draft, update) => removeRef(draft, update['ref-name']),
  'set-location': (draft, update) => change(draft, { location: update.location }),
  'set-properties': (draft, update) =>
    change(draft, { properties: { ...draft.metadata.properties, ...update.updates } }),
  'remove-properties': (draft, update) => removeProperties(draft, update.removals),
  'remove-schemas': (draft, update) => removeSchemas(draft, update['schema-ids']),
  'remove-partition-specs': (draft, update) => removeSpecs(draft, update['spec-ids']),
  'set-statistics': (draft, { statistics }) => setStatistics(draft, 'statistics', statistics),
  'remove-statistics': (draft, update) => removeStatistics(draft, 'statistics', update['snapshot-id']),
  'set-partition-statistics': (draft, update) =>
    setStatistics(draft, 'partition-statistics', update['partition-statistics']),
  'remove-partition-statistics': (draft, update) =>
    removeStatistics(draft, 'partition-statistics', update['snapshot-id']),
  'add-encryption-key': (draft, update) => addEncryptionKey(draft, update['encryption-key']),
  'remove-encryption-key': (draft, update) => removeEncryptionKey(draft, update['key-id']),
}

function applyUpdate(draft: Draft, update: Update): void {
  if (!Object.hasOwn(HANDLERS, update.action)) {
    throw invalid(`there is no table update ${JSON.stringify(update.action)}`)
  }
  // The compiler does not see that the handler is that of the update's own action.
  const handler = HANDLERS[update.action] as (draft: Draft, update: Update) => void
  handler(draft, update)
}

function change(draft: Draft, members: Partial<TableMetadata>): void {
  draft.metadata = { ...draft.metadata, ...members }
}

function invalid(message: string): IngotError {
  return new IngotError('REQUEST_INVALID', message)
}

function assignUuid(draft: Draft, uuid: string): void {
  const current = draft.metadata['table-uuid']
  if (current !== '' && current !== uuid) throw invalid(`table uuid is ${current} and cannot become ${uuid}`)
  change(draft, { 'table-uuid': uuid })
}

function upgradeFormatVersion(draft: Draft, version: number): void {
  const current = draft.metadata['format-version']
  if (version === current) return
  if (version !== 2 && version !== 3) {
    throw new IngotError('UNSUPPORTED', `format version ${version} is not supported, only 2 and 3`)
  }
  // A table that is only being built has no version yet.
  const isNew = draft.metadata.schemas.length === 0
  if (version < current && !isNew)
    throw invalid(`format version cannot go from ${current} back to ${version}`)
  change(draft, { 'format-version': version })
  if (version === 3 && nextRowIdOf(draft.metadata) === undefined) setNextRowId(draft, 0)
}

/** Member of version 3 (Iceberg spec, "Row Lineage"), kept and counted up though this code writes no row ids. */
function nextRowIdOf(metadata: TableMetadata): number | undefined {
  const value = (metadata as { readonly 'next-row-id'?: unknown })['next-row-id']
  return typeof value === 'number' ? value : undefined
}

function setNextRowId(draft: Draft, nextRowId: number): void {
  const members: Partial<TableMetadata> & { readonly 'next-row-id': number } = { 'next-row-id': nextRowId }
  change(draft, members)
}

function addSchema(draft: Draft, schema: Schema, lastColumnId: number): void {
  const { metadata } = draft
  const misfit = defaultMisfit(schema, metadata['format-version'])
  if (misfit !== undefined) throw invalid(misfit)
  const equal = metadata.schemas.find(candidate => sameSchema(candidate, schema))
  const id = equal?.['schema-id'] ?? nextId(metadata.schemas.map(candidate => candidate['schema-id']))
  draft.lastAddedSchemaId = id
  change(draft, {
    schemas: equal === undefined ? [...metadata.schemas, { ...schema, 'schema-id': id }] : metadata.schemas,
    'last-column-id': Math.max(metadata['last-column-id'], lastColumnId, highestFieldId(schema)),
  })
}

function nextId(ids: readonly number[], first = 0): number {
  return Math.max(first - 1, ...ids) + 1
}

/** An id as an update gives it: -1 is the one that this commit added last. */
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
    throw invalid(`table has no ${what} ${resolved}, only ${known.join(', ') || 'none'}`)
  return resolved
}

function setCurrentSchema(draft: Draft, id: number): void {
  const known = draft.metadata.schemas.map(schema => schema['schema-id'])
  change(draft, { 'current-schema-id': resolveId(id, draft.lastAddedSchemaId, known, 'schema') })
}

function addSpec(draft: Draft, spec: PartitionSpec): void {
  const { metadata } = draft
  const specs = metadata['partition-specs']
  const schema = metadata['current-schema-id'] === -1 ? metadata.schemas.at(-1) : currentSchema(metadata)
  const misfit = schema === undefined ? 'there is no schema to partition' : specMisfit(spec, schema)
  if (misfit !== undefined) throw invalid(misfit)
  const equal = specs.find(candidate => sameSpec(candidate, spec))
  if (equal !== undefined) {
    draft.lastAddedSpecId = equal['spec-id']
    return
  }
  const { fields, lastPartitionId } = assignPartitionIds(spec.fields, specs, metadata['last-partition-id'])
  const id = nextId(specs.map(candidate => candidate['spec-id']))
  draft.lastAddedSpecId = id
  change(draft, {
    'partition-specs': [...specs, { 'spec-id': id, fields }],
    'last-partition-id': lastPartitionId,
  })
}

function sameSpec(a: PartitionSpec, b: PartitionSpec): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => {
      const other = b.fields[index]
      return other !== undefined && field.name === other.name && samePartitioning(field, other)
    })
  )
}

function setDefaultSpec(draft: Draft, id: number): void {
  const known = draft.metadata['partition-specs'].map(spec => spec['spec-id'])
  change(draft, { 'default-spec-id': resolveId(id, draft.lastAddedSpecId, known, 'partition spec') })
}

function addSortOrder(draft: Draft, order: SortOrder): void {
  const orders = draft.metadata['sort-orders']
  const equal = orders.find(candidate => sameSortOrder(candidate, order))
  const isUnsorted = order.fields.length === 0
  const id =
    equal?.['order-id'] ??
    (isUnsorted
      ? 0
      : nextId(
          orders.map(candidate => candidate['order-id']),
          1,
        ))
  draft.lastAddedSortOrderId = id
  if (equal === undefined) change(draft, { 'sort-orders': [...orders, { ...order, 'order-id': id }] })
}

function sameSortOrder(a: SortOrder, b: SortOrder): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => {
      const other = b.fields[index]
      return (
        other !== undefined &&
        field['source-id'] === other['source-id'] &&
        field.transform === other.transform &&
        field.direction === other.direction &&
        field['null-order'] === other['null-order']
      )
    })
  )
}

function setDefaultSortOrder(draft: Draft, id: number): void {
  const known = draft.metadata['sort-orders'].map(order => order['order-id'])
  change(draft, { 'default-sort-order-id': resolveId(id, draft.lastAddedSortOrderId, known, 'sort order') })
}

function addSnapshot(draft: Draft, snapshot: Snapshot): void {
  const { metadata } = draft
  const id = snapshot['snapshot-id']
  if (metadata.snapshots.some(other => other['snapshot-id'] === id))
    throw invalid(`snapshot ${id} exists already`)
  const sequenceNumber = snapshot['sequence-number']
  const last = metadata['last-sequence-number']
  if (
    metadata['format-version'] > 1 &&
    sequenceNumber <= last &&
    snapshot['parent-snapshot-id'] !== undefined
  ) {
    throw conflict(
      `snapshot ${id} has sequence number ${sequenceNumber}, and the table is at ${last} already`,
    )
  }
  refuseLateWriter(draft, snapshot)
  draft.addedSnapshotIds.add(id)
  change(draft, {
    snapshots: [...metadata.snapshots, snapshot],
    'last-sequence-number': Math.max(last, sequenceNumber),
    'last-updated-ms': Math.max(metadata['last-updated-ms'], snapshot['timestamp-ms']),
  })
  if (metadata['format-version'] >= 3) countRows(draft, snapshot)
}

/** A writer that was paused for so long that its files, which nobody named, may be gone. */
function refuseLateWriter({ metadata }: Draft, { 'snapshot-id': id, summary }: Snapshot): void {
  const horizonMs = Number(metadata.properties[ORPHANS_REMOVED_BEFORE])
  const beganAtMs = Number(summary[BEGAN_AT])
  // Not a number where either is absent: what other engines write says nothing, and maintenance spares their files for longer.
  if (!(beganAtMs < horizonMs)) return
  throw new IngotError(
    'COMMIT_CONFLICT',
    `snapshot ${id} was begun at ${beganAtMs}, and files of writers from before ${horizonMs} are removed by now`,
    { hint: 'stage the changes again from fresh state', context: { beganAtMs, horizonMs } },
  )
}

/** Row ids of a snapshot must be new (Iceberg spec, "Row Lineage"). */
function countRows(draft: Draft, snapshot: Snapshot): void {
  const members = snapshot as { readonly 'first-row-id'?: unknown; readonly 'added-rows'?: unknown }
  const { 'first-row-id': firstRowId, 'added-rows': addedRows } = members
  if (typeof firstRowId !== 'number' || typeof addedRows !== 'number') {
    throw invalid(
      `snapshot ${snapshot['snapshot-id']} has no first-row-id and added-rows, which version 3 asks for`,
    )
  }
  const nextRowId = nextRowIdOf(draft.metadata) ?? 0
  if (firstRowId < nextRowId) {
    throw conflict(
      `snapshot ${snapshot['snapshot-id']} starts at row id ${firstRowId}, and ${nextRowId} is next`,
    )
  }
  setNextRowId(draft, firstRowId + addedRows)
}

function conflict(message: string): IngotError {
  return new IngotError('COMMIT_CONFLICT', message, {
    hint: 'load the table again and commit on what it is now',
  })
}

function setRef(draft: Draft, name: string, ref: SnapshotRef): void {
  const { metadata } = draft
  const id = ref['snapshot-id']
  if (!metadata.snapshots.some(snapshot => snapshot['snapshot-id'] === id)) {
    throw conflict(`ref ${name} cannot name snapshot ${id}: the table has no such snapshot`)
  }
  const previous = Object.hasOwn(metadata.refs, name) ? metadata.refs[name] : undefined
  if (previous !== undefined && previous.type !== ref.type) {
    throw invalid(`ref ${name} is a ${previous.type} and cannot become a ${ref.type}`)
  }
  if (name === 'main' && ref.type !== 'branch') throw invalid('main must be a branch')
  change(draft, { refs: { ...metadata.refs, [name]: ref } })
  if (name !== 'main' || metadata['current-snapshot-id'] === id) return
  draft.mainMoved = true
  change(draft, { 'current-snapshot-id': id })
}

function removeRef(draft: Draft, name: string): void {
  const { [name]: _removed, ...refs } = draft.metadata.refs
  change(draft, { refs })
  if (name !== 'main') return
  const { 'current-snapshot-id': _current, ...emptied } = draft.metadata
  draft.metadata = emptied
  draft.mainMoved = false
}

/** One entry for where main is at the end of the commit (Iceberg spec, "Table Metadata Fields", snapshot-log). */
function logCurrentSnapshot(draft: Draft): void {
  const { metadata } = draft
  const id = metadata['current-snapshot-id']
  const snapshot = metadata.snapshots.find(candidate => candidate['snapshot-id'] === id)
  if (id === undefined || snapshot === undefined) return
  // Never before what is logged already, whatever the clock does: time travel takes the last entry up to its time.
  const timestampMs = draft.addedSnapshotIds.has(id)
    ? snapshot['timestamp-ms']
    : Math.max(draft.nowMs, metadata['last-updated-ms'])
  const entry = { 'snapshot-id': id, 'timestamp-ms': timestampMs }
  change(draft, { 'snapshot-log': [...metadata['snapshot-log'], entry] })
}

function removeSnapshots(draft: Draft, ids: ReadonlySet<bigint>): void {
  const { metadata } = draft
  const log: TableMetadata['snapshot-log'][number][] = []
  for (const entry of metadata['snapshot-log']) {
    // A gap would make readers believe that the snapshot before it was current all the while.
    if (ids.has(entry['snapshot-id'])) log.length = 0
    else log.push(entry)
  }
  change(draft, {
    snapshots: metadata.snapshots.filter(snapshot => !ids.has(snapshot['snapshot-id'])),
    'snapshot-log': log,
    ...withoutStatisticsOf(metadata, ids),
  })
}

function withoutStatisticsOf(metadata: TableMetadata, ids: ReadonlySet<bigint>): Partial<TableMetadata> {
  const { statistics, 'partition-statistics': partitionStatistics } = metadata
  const isKept = (file: { readonly 'snapshot-id': bigint }): boolean => !ids.has(file['snapshot-id'])
  return {
    ...(statistics && { statistics: statistics.filter(isKept) }),
    ...(partitionStatistics && { 'partition-statistics': partitionStatistics.filter(isKept) }),
  }
}

type StatisticsList = 'statistics' | 'partition-statistics'

/** One file a snapshot: the new one takes the place of the one before. */
function setStatistics<L extends StatisticsList>(
  draft: Draft,
  list: L,
  file: NonNullable<TableMetadata[L]>[number],
): void {
  const id = file['snapshot-id']
  if (!draft.metadata.snapshots.some(snapshot => snapshot['snapshot-id'] === id)) {
    throw conflict(`${list} belong to snapshot ${id}, and the table has no such snapshot`)
  }
  const others = statisticsOf(draft.metadata, list).filter(other => other['snapshot-id'] !== id)
  change(draft, { [list]: [...others, file] })
}

function removeStatistics(draft: Draft, list: StatisticsList, id: bigint): void {
  const files = statisticsOf(draft.metadata, list)
  change(draft, { [list]: files.filter(file => file['snapshot-id'] !== id) })
}

function statisticsOf(
  metadata: TableMetadata,
  list: StatisticsList,
): readonly { readonly 'snapshot-id': bigint }[] {
  return metadata[list] ?? []
}

/** Kept for those who can use it: nothing here encrypts (Iceberg spec, "Encryption Keys"). */
function addEncryptionKey(draft: Draft, key: EncryptedKey): void {
  if (draft.metadata['format-version'] < 3) {
    throw new IngotError('UNSUPPORTED', 'encryption keys are of format version 3, and the table is older', {
      hint: 'upgrade the table by upgrade-format-version first',
    })
  }
  const keys = draft.metadata['encryption-keys'] ?? []
  if (keys.some(other => other['key-id'] === key['key-id'])) {
    throw invalid(`encryption key ${key['key-id']} exists already`)
  }
  change(draft, { 'encryption-keys': [...keys, key] })
}

function removeEncryptionKey(draft: Draft, keyId: string): void {
  const keys = draft.metadata['encryption-keys'] ?? []
  change(draft, { 'encryption-keys': keys.filter(key => key['key-id'] !== keyId) })
}

function removeProperties(draft: Draft, names: readonly string[]): void {
  const kept = Object.entries(draft.metadata.properties).filter(([name]) => !names.includes(name))
  change(draft, { properties: Object.fromEntries(kept) })
}

function removeSchemas(draft: Draft, ids: readonly number[]): void {
  if (ids.includes(draft.metadata['current-schema-id'])) throw invalid('the current schema cannot be removed')
  change(draft, { schemas: draft.metadata.schemas.filter(schema => !ids.includes(schema['schema-id'])) })
}

function removeSpecs(draft: Draft, ids: readonly number[]): void {
  if (ids.includes(draft.metadata['default-spec-id']))
    throw invalid('the default partition spec cannot be removed')
  const kept = draft.metadata['partition-specs'].filter(spec => !ids.includes(spec['spec-id']))
  change(draft, { 'partition-specs': kept })
}

/** What the updates that build a table may leave to the defaults, and what they may not. */
function completeNewTable(draft: Draft): void {
  const { metadata } = draft
  if (metadata['table-uuid'] === '') throw invalid('a new table needs assign-uuid')
  if (metadata.location === '') throw invalid('a new table needs set-location')
  if (metadata.schemas.length === 0) throw invalid('a new table needs add-schema')
  if (metadata['current-schema-id'] === -1) setCurrentSchema(draft, -1)
  if (metadata['default-spec-id'] === -1) {
    if (draft.lastAddedSpecId === undefined) addSpec(draft, UNPARTITIONED)
    setDefaultSpec(draft, -1)
  }
  if (metadata['default-sort-order-id'] === -1) {
    if (draft.lastAddedSortOrderId === undefined) addSortOrder(draft, UNSORTED)
    setDefaultSortOrder(draft, -1)
  }
}

/** What must hold of the whole, whatever the order of the updates was. */
function checkResult(metadata: TableMetadata): void {
  const snapshotIds = new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  for (const [name, ref] of Object.entries(metadata.refs)) {
    if (!snapshotIds.has(ref['snapshot-id'])) {
      throw conflict(`snapshot ${ref['snapshot-id']} cannot be removed: ref ${name} names it`)
    }
  }
  const spec = metadata['partition-specs'].find(
    candidate => candidate['spec-id'] === metadata['default-spec-id'],
  )
  const misfit = spec && specMisfit(spec, schemaById(metadata, metadata['current-schema-id']))
  if (misfit !== undefined) throw invalid(`the default partition spec no longer fits the schema: ${misfit}`)
}
