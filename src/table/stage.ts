import type { CreateTableRequest, LoadedTable } from '../catalog/catalog.ts'
import { IngotError } from '../errors.ts'
import type { TableMetadata, Update } from '../format/metadata-types.ts'
import { buildPartitionSpec, samePartitioning } from '../format/partition-spec.ts'
import { currentSchema } from '../format/schema.ts'
import { evolveSchema, type SchemaChange } from '../format/schema-evolution.ts'
import { resolveSnapshot } from '../format/snapshot.ts'
import type { PartitionSpec } from '../format/types.ts'
import { specById } from './partition-columns.ts'
import { requireMain, withChanges } from './staged-changes.ts'
import type { StagedTable, TableContext } from './staged-table.ts'

/** A loaded table without changes yet; `beganAtMs` is a time before it was loaded. */
export function openTable(loaded: LoadedTable, beganAtMs?: number): StagedTable {
  return {
    ...(beganAtMs === undefined ? {} : { beganAtMs }),
    identifier: loaded.identifier,
    base: loaded,
    requirements: [],
    updates: [],
    metadata: loaded.metadata,
  }
}

/** A table that the commit creates, empty so far. @throws NAMESPACE_NOT_FOUND, TABLE_EXISTS */
export async function stageCreate(
  context: Pick<TableContext, 'catalog'>,
  request: CreateTableRequest,
): Promise<StagedTable> {
  const metadata = await context.catalog.stageTable(request)
  return {
    identifier: request.identifier,
    base: null,
    requirements: [{ type: 'assert-create' }],
    updates: updatesThatCreate(metadata),
    metadata,
  }
}

function updatesThatCreate(metadata: TableMetadata): Update[] {
  const order = metadata['sort-orders'].find(
    candidate => candidate['order-id'] === metadata['default-sort-order-id'],
  )
  return [
    { action: 'assign-uuid', uuid: metadata['table-uuid'] },
    { action: 'upgrade-format-version', 'format-version': metadata['format-version'] },
    { action: 'set-location', location: metadata.location },
    { action: 'add-schema', schema: currentSchema(metadata), 'last-column-id': metadata['last-column-id'] },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: specById(metadata, metadata['default-spec-id']) },
    { action: 'set-default-spec', 'spec-id': -1 },
    ...(order === undefined
      ? []
      : ([
          { action: 'add-sort-order', 'sort-order': order },
          { action: 'set-default-sort-order', 'sort-order-id': -1 },
        ] satisfies Update[])),
    { action: 'set-properties', updates: metadata.properties },
  ]
}

/**
 * Changes the columns; no file is rewritten, as readers match columns by field id.
 * @throws DATA_INVALID, UNSUPPORTED for a change that the table's files do not allow
 */
export function stageSchemaChange(staged: StagedTable, changes: readonly SchemaChange[]): StagedTable {
  const { metadata } = staged
  if (changes.length === 0) return staged
  const { schema, lastColumnId } = evolveSchema(currentSchema(metadata), changes, metadata['last-column-id'])
  return withChanges(staged, {
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] },
      { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': metadata['last-column-id'] },
    ],
    updates: [
      { action: 'add-schema', schema, 'last-column-id': lastColumnId },
      { action: 'set-current-schema', 'schema-id': -1 },
    ],
  })
}

/** Makes `spec` the default: files written from now on follow it, older ones keep theirs. */
export function stagePartitionSpec(staged: StagedTable, spec: PartitionSpec): StagedTable {
  const { metadata } = staged
  return withChanges(staged, {
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-default-spec-id', 'default-spec-id': metadata['default-spec-id'] },
      {
        type: 'assert-last-assigned-partition-id',
        'last-assigned-partition-id': metadata['last-partition-id'],
      },
    ],
    updates: [
      { action: 'add-spec', spec },
      { action: 'set-default-spec', 'spec-id': -1 },
    ],
  })
}

/**
 * Makes the spec of these texts (see buildPartitionSpec) the default; unchanged where it is by now.
 * @throws DATA_INVALID
 */
export function stagePartitioning(staged: StagedTable, partitionBy: readonly string[]): StagedTable {
  const { metadata } = staged
  const specs = metadata['partition-specs']
  const schema = currentSchema(metadata)
  const { spec } = buildPartitionSpec(schema, partitionBy, metadata['last-partition-id'], specs)
  const current = specById(metadata, metadata['default-spec-id']).fields
  const isCurrent =
    current.length === spec.fields.length &&
    spec.fields.every((field, place) => {
      const before = current[place]
      return before !== undefined && samePartitioning(before, field)
    })
  return isCurrent ? staged : stagePartitionSpec(staged, spec)
}

export interface PropertyChanges {
  readonly set?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

/** Sets and removes properties of the table; the last writer wins. */
export function stageProperties(staged: StagedTable, changes: PropertyChanges): StagedTable {
  const updates: Update[] = []
  if (Object.keys(changes.set ?? {}).length > 0) {
    updates.push({ action: 'set-properties', updates: changes.set ?? {} })
  }
  if ((changes.remove ?? []).length > 0) {
    updates.push({ action: 'remove-properties', removals: changes.remove ?? [] })
  }
  if (updates.length === 0) return staged
  return withChanges(staged, {
    requirements: [{ type: 'assert-table-uuid', uuid: staged.metadata['table-uuid'] }],
    updates,
  })
}

/**
 * Points main at an older snapshot, whose rows and progress are the table's again; newer snapshots stay until they
 * expire. Refused when main has moved by the time of the commit.
 * @throws SNAPSHOT_NOT_FOUND
 */
export function stageRollback(staged: StagedTable, snapshotId: bigint): StagedTable {
  const snapshot = resolveSnapshot(staged.metadata, { snapshotId })
  const branch = staged.metadata.refs.main
  if (branch === undefined) {
    throw new IngotError('SNAPSHOT_NOT_FOUND', `table at ${staged.metadata.location} has no branch main`, {
      hint: 'an empty table has nothing to roll back',
    })
  }
  return withChanges(staged, {
    requirements: requireMain(staged.metadata),
    updates: [
      { ...branch, action: 'set-snapshot-ref', 'ref-name': 'main', 'snapshot-id': snapshot['snapshot-id'] },
    ],
  })
}
