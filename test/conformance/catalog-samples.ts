import type { Catalog, CreateTableRequest, LoadedTable, TableChange } from '../../src/catalog/catalog.ts'
import type { Clock } from '../../src/clock.ts'
import type { TableMetadata, Update } from '../../src/format/metadata-types.ts'
import type { Schema } from '../../src/format/types.ts'
import { randomSnapshotId, systemRandom } from '../../src/random.ts'
import type { TableIdentifier } from '../../src/table-identifier.ts'

const WAIT_MS_MAX = 10_000

/** Real time, except that pauses between attempts take one turn of the event loop; longer waits are time limits. */
export const eagerClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      if (ms < WAIT_MS_MAX) setImmediate(resolve)
    }),
}

/** Ids that the catalog must replace by 1, 2, 3, breadth first. */
export const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 7,
  fields: [
    { id: 40, name: 'id', required: false, type: 'long' },
    {
      id: 12,
      name: 'place',
      required: false,
      type: { type: 'struct', fields: [{ id: 5, name: 'city', required: false, type: 'string' }] },
    },
  ],
}

export function tableRequest(identifier: TableIdentifier): CreateTableRequest {
  return { identifier, schema: SCHEMA }
}

/** A table in a namespace of its own name, created. */
export async function createSample(catalog: Catalog, namespace: string, name = 't'): Promise<LoadedTable> {
  await catalog.createNamespace([namespace])
  return catalog.createTable(tableRequest({ namespace: [namespace], name }))
}

/** An append that stands on what `table` is. */
export function appendTo(table: LoadedTable): TableChange {
  const { metadata } = table
  return {
    identifier: table.identifier,
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      {
        type: 'assert-ref-snapshot-id',
        ref: 'main',
        'snapshot-id': metadata['current-snapshot-id'] ?? null,
      },
    ],
    updates: appendUpdates(metadata),
  }
}

function appendUpdates(metadata: TableMetadata): readonly Update[] {
  const id = randomSnapshotId(systemRandom)
  const parent = metadata['current-snapshot-id']
  return [
    {
      action: 'add-snapshot',
      snapshot: {
        'snapshot-id': id,
        ...(parent !== undefined && { 'parent-snapshot-id': parent }),
        'sequence-number': metadata['last-sequence-number'] + 1,
        'timestamp-ms': metadata['last-updated-ms'],
        'manifest-list': `${metadata.location}/metadata/snap-${id}.avro`,
        summary: { operation: 'append', 'added-records': '1' },
        'schema-id': 0,
      },
    },
    { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
  ]
}

/** A change that any other one may come before or after. */
export function setProperty(table: LoadedTable, key: string, value: string): TableChange {
  return {
    identifier: table.identifier,
    requirements: [{ type: 'assert-table-uuid', uuid: table.metadata['table-uuid'] }],
    updates: [{ action: 'set-properties', updates: { [key]: value } }],
  }
}

/** What creates a staged table. */
export function creation(identifier: TableIdentifier, staged: TableMetadata): TableChange {
  const [schema] = staged.schemas
  const [spec] = staged['partition-specs']
  const [order] = staged['sort-orders']
  return {
    identifier,
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid: staged['table-uuid'] },
      { action: 'upgrade-format-version', 'format-version': 2 },
      ...(schema ? [{ action: 'add-schema', schema } as const] : []),
      { action: 'set-current-schema', 'schema-id': -1 },
      ...(spec ? [{ action: 'add-spec', spec } as const] : []),
      { action: 'set-default-spec', 'spec-id': -1 },
      ...(order ? [{ action: 'add-sort-order', 'sort-order': order } as const] : []),
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
      { action: 'set-location', location: staged.location },
    ],
  }
}
