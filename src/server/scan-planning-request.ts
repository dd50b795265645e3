import { z } from 'zod'
import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema, schemaById } from '../format/schema.ts'
import { currentSnapshot, resolveSnapshot, snapshotsBetween } from '../format/snapshot.ts'
import type { PlanScanOptions } from '../table/scan.ts'
import { expressionOf, type ScanFilter } from '../table/scan-filter.ts'
import { long } from './commit-body.ts'
import { ScanFields } from './scan-planning-fields.ts'
import { parseFilter } from './scan-planning-filter.ts'
import { invalidAt } from './scan-planning-operands.ts'

const names = z.array(z.string())
const rowCount = long.refine(count => count >= 0n, 'it is negative')
// A filter that is null would be one that lets everything through: it is more likely a mistake.
const filter = z.unknown().refine(json => json !== null, 'expected an expression, found null')

/** The body of "planTableScan" (REST spec, PlanTableScanRequest). */
export const planScanSchema = z.object({
  'snapshot-id': long.nullish(),
  select: names.nullish(),
  filter: filter.optional(),
  'min-rows-requested': rowCount.nullish(),
  'case-sensitive': z.boolean().nullish(),
  'use-snapshot-schema': z.boolean().nullish(),
  'start-snapshot-id': long.nullish(),
  'end-snapshot-id': long.nullish(),
  'stats-fields': names.nullish(),
})

/** A scan that means the same whenever it is opened: of one snapshot, under one schema. */
export const pinnedScanSchema = z.object({
  /** Null: of a table that was empty. */
  'snapshot-id': long.nullable(),
  /** Only what was appended after this one. */
  'start-snapshot-id': long.optional(),
  'schema-id': z.int(),
  'case-sensitive': z.boolean(),
  filter: filter.optional(),
  'stats-fields': names.optional(),
  'min-rows-requested': rowCount.optional(),
})

export type PinnedScan = z.infer<typeof pinnedScanSchema>

/** What a pinned scan is opened with. */
export interface ReadyScan {
  /** Undefined when there is nothing to scan. */
  readonly options: PlanScanOptions | undefined
  readonly filter: ScanFilter
  /** By field id, which columns' statistics are told. */
  readonly statsFields: ReadonlySet<number>
  readonly rowsMin: bigint | undefined
}

/** @throws REQUEST_INVALID naming the field that is wrong; SNAPSHOT_NOT_FOUND */
export function pinScan(metadata: TableMetadata, body: z.infer<typeof planScanSchema>): PinnedScan {
  const { snapshotId, startId } = snapshotsOf(metadata, body)
  const schemaId =
    body['use-snapshot-schema'] && snapshotId !== null
      ? resolveSnapshot(metadata, { snapshotId })['schema-id']
      : undefined
  const pinned: PinnedScan = {
    'snapshot-id': snapshotId,
    ...(startId !== undefined && { 'start-snapshot-id': startId }),
    'schema-id': schemaId ?? currentSchema(metadata)['schema-id'],
    'case-sensitive': body['case-sensitive'] ?? true,
    ...(body.filter !== undefined && { filter: body.filter }),
    ...(body['stats-fields'] && { 'stats-fields': body['stats-fields'] }),
    ...(body['min-rows-requested'] != null && { 'min-rows-requested': body['min-rows-requested'] }),
  }
  // Which columns are selected changes nothing of which files are read; that they are there is checked.
  const fields = fieldsOf(metadata, pinned)
  for (const [index, name] of (body.select ?? []).entries()) fields.byName(name, `select[${index}]`)
  return pinned
}

function snapshotsOf(
  metadata: TableMetadata,
  body: z.infer<typeof planScanSchema>,
): { readonly snapshotId: bigint | null; readonly startId?: bigint } {
  const { 'snapshot-id': snapshotId, 'start-snapshot-id': startId, 'end-snapshot-id': endId } = body
  if (startId == null && endId == null) {
    if (snapshotId != null) return { snapshotId: resolveSnapshot(metadata, { snapshotId })['snapshot-id'] }
    return { snapshotId: currentSnapshot(metadata)?.['snapshot-id'] ?? null }
  }
  if (snapshotId != null) throw invalidAt('snapshot-id', 'a scan between two snapshots has no other')
  if (startId == null) throw invalidAt('start-snapshot-id', 'it is missing, as there is an end-snapshot-id')
  if (endId == null) throw invalidAt('end-snapshot-id', 'it is missing, as there is a start-snapshot-id')
  resolveSnapshot(metadata, { snapshotId: endId })
  if (snapshotsBetween(metadata, startId, endId) !== undefined) return { snapshotId: endId, startId }
  resolveSnapshot(metadata, { snapshotId: startId })
  throw invalidAt('start-snapshot-id', `snapshot ${startId} is no ancestor of snapshot ${endId}`)
}

/** @throws REQUEST_INVALID; SNAPSHOT_NOT_FOUND when a snapshot has expired since */
export function readyScan(metadata: TableMetadata, pinned: PinnedScan): ReadyScan {
  const fields = fieldsOf(metadata, pinned)
  const filter: ScanFilter =
    pinned.filter === undefined ? { type: 'constant', value: true } : parseFilter(pinned.filter, fields)
  const stats = (pinned['stats-fields'] ?? []).map((name, index) =>
    fields.byName(name, `stats-fields[${index}]`),
  )
  return {
    options: optionsOf(metadata, pinned, filter, fields),
    filter,
    statsFields: new Set(stats.flatMap(located => (located === undefined ? [] : [located.field.id]))),
    rowsMin: pinned['min-rows-requested'],
  }
}

function optionsOf(
  metadata: TableMetadata,
  pinned: PinnedScan,
  filter: ScanFilter,
  { schema }: ScanFields,
): PlanScanOptions | undefined {
  const { 'snapshot-id': snapshotId, 'start-snapshot-id': startId } = pinned
  if (snapshotId === null) return undefined
  resolveSnapshot(metadata, { snapshotId })
  const options = { snapshotId, schema, filter: expressionOf(filter), isForeign: true }
  if (startId === undefined) return options
  const between = snapshotsBetween(metadata, startId, snapshotId)
  if (between === undefined) {
    throw new IngotError(
      'SNAPSHOT_NOT_FOUND',
      `what was appended after snapshot ${startId} is no longer kept`,
    )
  }
  return { ...options, appends: between.filter(({ summary }) => summary.operation === 'append') }
}

function fieldsOf(metadata: TableMetadata, pinned: PinnedScan): ScanFields {
  return new ScanFields(schemaById(metadata, pinned['schema-id']), pinned['case-sensitive'])
}
