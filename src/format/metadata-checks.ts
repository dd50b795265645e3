import { IngotError } from '../errors.ts'
import type { Snapshot, SnapshotRef, TableMetadata } from './metadata-types.ts'
import { PARTITION_ID_BEFORE_FIRST, specMisfit } from './partition-spec.ts'
import { currentSchema, fieldsById, highestFieldId } from './schema.ts'
import { transformResultType } from './transforms.ts'
import { isPrimitive, type PartitionSpec, type Schema, type SortOrder, type StructType } from './types.ts'

/** Above are the ids of metadata columns (Iceberg spec, "Reserved Field IDs"). */
const FIELD_ID_MAX = 2_147_483_446
const INTEGER_MAX = 2_147_483_647
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether a text is a uuid, by which tables and views are told apart. */
function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** Why a schema is none that a table can have (ids out of range, identifier fields that are none), or undefined. */
function schemaMisfit(schema: Schema): string | undefined {
  const fields = fieldsById(schema)
  for (const [id, { path }] of fields) {
    if (id >= 0 && id <= FIELD_ID_MAX) continue
    return `column ${path.join('.')} has id ${id}, not one from 0 to ${FIELD_ID_MAX}`
  }
  for (const id of schema['identifier-field-ids'] ?? []) {
    const located = fields.get(id)
    if (located === undefined) return `identifier field ${id} is no column`
    const { field, path, repeated } = located
    if (repeated || !isPrimitive(field.type))
      return `identifier field ${path.join('.')} has no single value a row`
  }
  return undefined
}

/** Why the fields of a sort order do not fit a schema, or undefined when they do. */
function sortOrderMisfit(order: SortOrder, schema: StructType): string | undefined {
  const fields = fieldsById(schema)
  for (const { 'source-id': id, transform } of order.fields) {
    const source = fields.get(id)
    if (source === undefined || !isPrimitive(source.field.type)) {
      return `sort order ${order['order-id']} reads column ${id}, which is not a primitive column of the schema`
    }
    try {
      transformResultType(transform, source.field.type)
    } catch (error) {
      return `sort order ${order['order-id']}: ${(error as Error).message}`
    }
  }
  return undefined
}

/** Why the ids of a spec's fields are none, or undefined. Those up to 999 are replaced when the spec is added. */
function partitionIdMisfit(spec: PartitionSpec): string | undefined {
  const ids = spec.fields.map(field => field['field-id'])
  const wrong = ids.find(
    (id, index) => id < 0 || id > INTEGER_MAX || (id > PARTITION_ID_BEFORE_FIRST && ids.indexOf(id) < index),
  )
  return wrong === undefined ? undefined : `partition field id ${wrong} is out of range or occurs twice`
}

/** The member of a snapshot that is wrong in itself, or undefined. */
function snapshotMisfit(snapshot: Snapshot, metadata: TableMetadata): keyof Snapshot | undefined {
  const { 'schema-id': schemaId, 'parent-snapshot-id': parentId } = snapshot
  if (snapshot['snapshot-id'] < 0n) return 'snapshot-id'
  if (parentId === snapshot['snapshot-id']) return 'parent-snapshot-id'
  if (snapshot['sequence-number'] < 0 || snapshot['sequence-number'] > metadata['last-sequence-number']) {
    return 'sequence-number'
  }
  if (snapshot['timestamp-ms'] < 0) return 'timestamp-ms'
  const isKnown = schemaId === undefined || metadata.schemas.some(schema => schema['schema-id'] === schemaId)
  return isKnown ? undefined : 'schema-id'
}

/**
 * Checks metadata that somebody else wrote, once it is read, for what it says about itself: ids that are unique and in
 * range, and references that lead somewhere.
 * @param accepted snapshots that an earlier version was accepted with
 * @throws REQUEST_INVALID naming the field that is wrong
 */
export function checkTableMetadata(
  metadata: TableMetadata,
  accepted: ReadonlySet<Snapshot> = new Set(),
): void {
  if (!isUuid(metadata['table-uuid'])) throw wrong('table-uuid', 'is no uuid', metadata['table-uuid'])
  for (const member of ['last-column-id', 'last-partition-id'] as const) {
    if (metadata[member] < 0 || metadata[member] > INTEGER_MAX)
      throw wrong(member, 'is out of range', metadata[member])
  }
  for (const member of ['last-sequence-number', 'last-updated-ms'] as const) {
    if (metadata[member] < 0) throw wrong(member, 'is out of range', metadata[member])
  }
  checkSchemas(metadata)
  checkSpecs(metadata)
  checkSortOrders(metadata)
  checkSnapshots(metadata, accepted)
  for (const [name, ref] of Object.entries(metadata.refs)) checkRef(name, ref)
}

function checkSchemas(metadata: TableMetadata): void {
  requireIds(
    'schemas',
    'schema-id',
    metadata.schemas.map(schema => schema['schema-id']),
  )
  for (const [index, schema] of metadata.schemas.entries()) {
    const misfit = schemaMisfit(schema)
    if (misfit !== undefined) throw wrong(`schemas[${index}]`, misfit)
    if (highestFieldId(schema) > metadata['last-column-id']) {
      throw wrong(
        'last-column-id',
        `is below ${highestFieldId(schema)}, a column of schema ${schema['schema-id']}`,
      )
    }
  }
}

function checkSpecs(metadata: TableMetadata): void {
  const specs = metadata['partition-specs']
  requireIds(
    'partition-specs',
    'spec-id',
    specs.map(spec => spec['spec-id']),
  )
  for (const [index, spec] of specs.entries()) {
    const fit = (schema: Schema): string | undefined => specMisfit(spec, schema)
    const isDefault = spec['spec-id'] === metadata['default-spec-id']
    const misfit = partitionIdMisfit(spec) ?? misfitOf(metadata, isDefault, fit)
    if (misfit !== undefined) throw wrong(`partition-specs[${index}]`, misfit)
    const highest = Math.max(0, ...spec.fields.map(field => field['field-id']))
    if (highest > metadata['last-partition-id']) {
      throw wrong('last-partition-id', `is below ${highest}, a field of spec ${spec['spec-id']}`)
    }
  }
}

function checkSortOrders(metadata: TableMetadata): void {
  const orders = metadata['sort-orders']
  requireIds(
    'sort-orders',
    'order-id',
    orders.map(order => order['order-id']),
  )
  for (const [index, order] of orders.entries()) {
    const id = order['order-id']
    if ((id === 0) !== (order.fields.length === 0)) {
      throw wrong(`sort-orders[${index}].order-id`, 'is 0 for the unsorted order, and for no other', id)
    }
    const fit = (schema: Schema): string | undefined => sortOrderMisfit(order, schema)
    const misfit = misfitOf(metadata, id === metadata['default-sort-order-id'], fit)
    if (misfit !== undefined) throw wrong(`sort-orders[${index}]`, misfit)
  }
}

/** What is the default must fit the current schema; what is older may read columns that are dropped since. */
function misfitOf(
  metadata: TableMetadata,
  isDefault: boolean,
  fit: (schema: Schema) => string | undefined,
): string | undefined {
  if (isDefault) return fit(currentSchema(metadata))
  const misfits = metadata.schemas.map(fit)
  return misfits.includes(undefined) ? undefined : misfits.at(-1)
}

function checkSnapshots(metadata: TableMetadata, accepted: ReadonlySet<Snapshot>): void {
  const seen = new Set<bigint>()
  for (const [index, snapshot] of metadata.snapshots.entries()) {
    const where = `snapshots[${index}]`
    const id = snapshot['snapshot-id']
    if (seen.has(id)) throw wrong(`${where}.snapshot-id`, 'occurs twice', id)
    seen.add(id)
    if (accepted.has(snapshot)) continue
    const member = snapshotMisfit(snapshot, metadata)
    if (member !== undefined) {
      throw wrong(`${where}.${member}`, 'is out of range, or leads nowhere', snapshot[member])
    }
  }
}

function checkRef(name: string, ref: SnapshotRef): void {
  if (name === 'main' && ref.type !== 'branch') throw wrong('refs.main.type', 'is not branch', ref.type)
  for (const member of ['min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms'] as const) {
    const value = ref[member]
    if (value !== undefined && value < 1) throw wrong(`refs.${name}.${member}`, 'is below 1', value)
  }
}

function requireIds(list: string, member: string, ids: readonly number[]): void {
  for (const [index, id] of ids.entries()) {
    if (id < 0 || id > INTEGER_MAX) throw wrong(`${list}[${index}].${member}`, 'is out of range', id)
    if (ids.indexOf(id) < index) throw wrong(`${list}[${index}].${member}`, 'occurs twice', id)
  }
}

function wrong(field: string, why: string, found?: unknown): IngotError {
  const shown = found === undefined ? '' : `: ${String(found).slice(0, 80)}`
  return new IngotError('REQUEST_INVALID', `table metadata is refused: ${field} ${why}${shown}`, {
    hint: 'the metadata must follow the Iceberg specification; correct the field that is named',
    context: { field },
  })
}
