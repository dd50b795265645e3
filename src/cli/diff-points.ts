import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { schemaById } from '../format/schema.ts'
import { withWiderTypes } from '../format/schema-evolution.ts'
import { ancestorsOf, snapshotById } from '../format/snapshot.ts'
import type { TableContext } from '../table/staged-table.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import { parseQueryPoint, requireReached } from './query-point.ts'
import { loadTableAtPoint, type TableAtPoint } from './table-at-point.ts'

/** Two states of one table. */
export interface DiffPoints {
  readonly from: TableAtPoint
  readonly to: TableAtPoint
}

/**
 * The states of a table that `--from` and `--to` name; by default what there is now, and what it was before the last commit that
 * changed rows.
 * @throws REQUEST_INVALID when they are of two tables that had the name one after the other; as loadTableAtPoint
 */
export async function loadDiffPoints(
  context: TableContext,
  identifier: TableIdentifier,
  texts: { readonly from: string | undefined; readonly to: string | undefined },
): Promise<DiffPoints> {
  const load = async (text: string | undefined, option: string): Promise<TableAtPoint> => {
    const point = parseQueryPoint(text, option)
    await requireReached(context, point)
    return await loadTableAtPoint(context.catalog, identifier, point)
  }
  const to = await load(texts.to, '--to')
  const from = texts.from === undefined ? beforeLastChange(to) : await load(texts.from, '--from')
  if (from.metadata['table-uuid'] === to.metadata['table-uuid']) return { from, to }
  throw new IngotError(
    'REQUEST_INVALID',
    `${formatIdentifier(identifier)} was made anew between the two points`,
    {
      hint: 'ingot history shows when; ingot query --at reads either',
      context: { identifier },
    },
  )
}

/** Commits that change no row, as those of maintenance, are passed over. */
function beforeLastChange(to: TableAtPoint): TableAtPoint {
  const { identifier, metadata, snapshot } = to
  if (snapshot === undefined) return to
  const last = ancestorsOf(metadata, snapshot['snapshot-id']).find(
    ({ summary }) => summary.operation !== 'replace',
  )
  if (last === undefined) throw forgotten(identifier)
  const parentId = last['parent-snapshot-id']
  if (parentId === undefined) return { ...to, snapshot: undefined }
  const parent = snapshotById(metadata, parentId)
  if (parent === undefined) throw forgotten(identifier)
  return { ...to, snapshot: parent, schemaId: parent['schema-id'] ?? metadata['current-schema-id'] }
}

function forgotten(identifier: TableIdentifier): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('SNAPSHOT_NOT_FOUND', `what ${name} was before its last change is no longer kept`, {
    hint: `say where to compare from with --from; ingot history ${name} lists the snapshots`,
    context: { identifier },
  })
}

/**
 * Metadata by which snapshots of both states are read, in the columns of the later, which are wide enough for the values of both:
 * neither need be known to the other, as a state of the past may have expired since.
 */
export function joinedMetadata({ from, to }: DiffPoints): TableMetadata {
  const schemas = unionBy(to.metadata.schemas, from.metadata.schemas, schema => schema['schema-id'])
  const id = 1 + Math.max(...schemas.map(schema => schema['schema-id']))
  const compared = withWiderTypes(
    schemaById(to.metadata, to.schemaId),
    schemaById(from.metadata, from.schemaId),
  )
  return {
    ...to.metadata,
    'current-schema-id': id,
    schemas: [...schemas, { ...compared, 'schema-id': id }],
    'partition-specs': unionBy(
      to.metadata['partition-specs'],
      from.metadata['partition-specs'],
      spec => spec['spec-id'],
    ),
    snapshots: unionBy(to.metadata.snapshots, from.metadata.snapshots, snapshot => snapshot['snapshot-id']),
  }
}

function unionBy<T>(
  own: readonly T[],
  others: readonly T[],
  idOf: (item: T) => number | bigint,
): readonly T[] {
  const known = new Set(own.map(idOf))
  return [...own, ...others.filter(item => !known.has(idOf(item)))]
}
