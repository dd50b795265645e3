import { z } from 'zod'
import type { CommitMember, CommitOptions, TableChange, TableOrigin } from '../catalog/catalog.ts'
import { type ErrorCode, IngotError } from '../errors.ts'
import type { Requirement, Update } from '../format/metadata-types.ts'
import { parsePartitionSpec, parseSchema, parseSortOrder } from '../format/schema-json.ts'
import { parseSnapshot } from '../format/snapshot-json.ts'
import {
  parseWith,
  readEncryptedKey,
  readPartitionStatisticsFile,
  readStatisticsFile,
} from '../format/statistics-json.ts'
import { formatIdentifier, identifierKey, type TableIdentifier } from '../table-identifier.ts'

// What foreign writers send is checked for its shape here, and for its meaning where it is applied. Nulls stand for
// absent keys: some clients (Java) write them out.

const namespaceLevels = z.array(z.string())
/** An integer of 64 bits. */
export const long = z.union([z.bigint(), z.int()]).transform(BigInt)
const snapshotId = long
const properties = z.record(z.string(), z.string())

/** Says which kind it is that nobody knows, where the spec tells kinds apart by `member`. */
export function unknownKind(what: string, member: string) {
  return ({ code, input }: { readonly code: string; readonly input: unknown }): string | undefined => {
    if (code !== 'invalid_union' || typeof input !== 'object' || input === null) return undefined
    const kind: unknown = Reflect.get(input, member)
    return `there is no ${what} ${JSON.stringify(kind)?.slice(0, 100) ?? `without ${member}`}`
  }
}

/** A table identifier of the REST spec. */
export const identifierSchema = z.object({ namespace: namespaceLevels, name: z.string() })

/** What a client sends of the format (a schema, a snapshot) is read as strictly as in a metadata file. */
export function formatBody<T>(parse: (value: unknown, path: string, code: ErrorCode) => T, path: string) {
  return z.unknown().transform(value => parse(value, path, 'REQUEST_INVALID'))
}

/** From where to where a table or view is renamed (REST spec, RenameTableRequest). */
export const renameSchema = z.object({ source: identifierSchema, destination: identifierSchema })

/** A schema that a client sends. */
export const schemaBody = formatBody(parseSchema, 'schema')
/** A partition spec that a client sends; its fields may lack ids. */
export const partitionSpecBody = formatBody(parsePartitionSpec, 'partition-spec')
/** A sort order that a client sends. */
export const sortOrderBody = formatBody(parseSortOrder, 'sort-order')
const statisticsBody = formatBody(parseWith(readStatisticsFile), 'statistics')
const partitionStatisticsBody = formatBody(parseWith(readPartitionStatisticsFile), 'partition-statistics')
const encryptionKeyBody = formatBody(parseWith(readEncryptedKey), 'encryption-key')
const snapshotBody = formatBody(parseSnapshot, 'snapshot')

const requirementSchema = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('assert-create') }),
    z.object({ type: z.literal('assert-table-uuid'), uuid: z.string() }),
    z.object({
      type: z.literal('assert-ref-snapshot-id'),
      ref: z.string(),
      'snapshot-id': snapshotId.nullish().transform(id => id ?? null),
    }),
    z.object({ type: z.literal('assert-last-assigned-field-id'), 'last-assigned-field-id': z.int() }),
    z.object({ type: z.literal('assert-current-schema-id'), 'current-schema-id': z.int() }),
    z.object({ type: z.literal('assert-last-assigned-partition-id'), 'last-assigned-partition-id': z.int() }),
    z.object({ type: z.literal('assert-default-spec-id'), 'default-spec-id': z.int() }),
    z.object({ type: z.literal('assert-default-sort-order-id'), 'default-sort-order-id': z.int() }),
  ],
  { error: unknownKind('table requirement', 'type') },
)

const updateSchema = withoutNulls(
  z.discriminatedUnion(
    'action',
    [
      z.object({ action: z.literal('assign-uuid'), uuid: z.string() }),
      z.object({ action: z.literal('upgrade-format-version'), 'format-version': z.int() }),
      z.object({ action: z.literal('add-schema'), schema: schemaBody, 'last-column-id': z.int().optional() }),
      z.object({ action: z.literal('set-current-schema'), 'schema-id': z.int() }),
      z.object({ action: z.literal('add-spec'), spec: partitionSpecBody }),
      z.object({ action: z.literal('set-default-spec'), 'spec-id': z.int() }),
      z.object({ action: z.literal('add-sort-order'), 'sort-order': sortOrderBody }),
      z.object({ action: z.literal('set-default-sort-order'), 'sort-order-id': z.int() }),
      z.object({ action: z.literal('add-snapshot'), snapshot: snapshotBody }),
      z.object({
        action: z.literal('set-snapshot-ref'),
        'ref-name': z.string().min(1),
        'snapshot-id': snapshotId,
        type: z.enum(['branch', 'tag']),
        'min-snapshots-to-keep': z.int().min(1).optional(),
        'max-snapshot-age-ms': z.int().min(1).optional(),
        'max-ref-age-ms': z.int().min(1).optional(),
      }),
      z.object({ action: z.literal('remove-snapshots'), 'snapshot-ids': z.array(snapshotId) }),
      z.object({ action: z.literal('remove-snapshot-ref'), 'ref-name': z.string() }),
      z.object({ action: z.literal('set-location'), location: z.string() }),
      z.object({ action: z.literal('set-properties'), updates: properties }),
      z.object({ action: z.literal('remove-properties'), removals: z.array(z.string()) }),
      z.object({ action: z.literal('remove-schemas'), 'schema-ids': z.array(z.int()) }),
      z.object({ action: z.literal('remove-partition-specs'), 'spec-ids': z.array(z.int()) }),
      z.object({ action: z.literal('set-statistics'), statistics: statisticsBody }),
      z.object({ action: z.literal('remove-statistics'), 'snapshot-id': snapshotId }),
      z.object({
        action: z.literal('set-partition-statistics'),
        'partition-statistics': partitionStatisticsBody,
      }),
      z.object({ action: z.literal('remove-partition-statistics'), 'snapshot-id': snapshotId }),
      z.object({ action: z.literal('add-encryption-key'), 'encryption-key': encryptionKeyBody }),
      z.object({ action: z.literal('remove-encryption-key'), 'key-id': z.string() }),
    ],
    { error: unknownKind('table update', 'action') },
  ),
)

const requirementsSchema = z.array(requirementSchema).transform((values): readonly Requirement[] => values)
const updatesSchema = z.array(updateSchema).transform(values => values as readonly Update[])

/** The path of a commit names a table or view, its body may do so too. @throws REQUEST_INVALID when they differ */
export function requireSameIdentifier(identifier: TableIdentifier, named: TableIdentifier): void {
  if (identifierKey(identifier) === identifierKey(named)) return
  const [path, body] = [identifier, named].map(formatIdentifier)
  throw new IngotError('REQUEST_INVALID', `the path names ${path}, the body ${body}`)
}

/** The body of "commitTable" (REST spec, CommitTableRequest); the identifier may be left to the path. */
export const commitTableSchema = z.object({
  identifier: identifierSchema.nullish(),
  requirements: requirementsSchema.default([]),
  updates: updatesSchema.default([]),
})

/** The body of "commitTransaction" (REST spec, CommitTransactionRequest). */
export const commitTransactionSchema = z.object({
  'table-changes': z
    .array(
      z.object({ identifier: identifierSchema, requirements: requirementsSchema, updates: updatesSchema }),
    )
    .transform((changes): readonly TableChange[] => changes),
})

const originSchema = z.discriminatedUnion(
  'type',
  [
    z
      .object({
        type: z.literal('clone'),
        of: identifierSchema,
        'snapshot-id': snapshotId.nullable().optional(),
      })
      .transform(
        ({ type, of, 'snapshot-id': id }): TableOrigin => ({
          type,
          of,
          ...(id !== undefined && { snapshotId: id }),
        }),
      ),
    z
      .object({ type: z.literal('version'), of: identifierSchema, 'transaction-id': z.int() })
      .transform(
        ({ 'transaction-id': transactionId, ...origin }): TableOrigin => ({ ...origin, transactionId }),
      ),
  ],
  { error: unknownKind('table origin', 'type') },
)

/** A change of Ingot's own commit, which may also drop the table, or create it from another. */
const ingotChangeSchema = z
  .object({
    identifier: identifierSchema,
    requirements: requirementsSchema,
    updates: updatesSchema,
    'is-drop': z.boolean().default(false),
    origin: originSchema.optional(),
  })
  .transform(
    ({ 'is-drop': isDrop, origin, ...change }): TableChange => ({
      ...change,
      ...(isDrop && { isDrop }),
      ...(origin && { origin }),
    }),
  )

/** One of the requests that a commit answers together. */
export const memberSchema = z
  .object({ 'idempotency-key': z.string().min(1), 'request-hash': z.string().min(1) })
  .transform(
    (body): CommitMember => ({ idempotencyKey: body['idempotency-key'], requestHash: body['request-hash'] }),
  )

/** The body of Ingot's own commit: a transaction with its key, its note and its members. */
export const ingotCommitSchema = z.intersection(
  z.object({ 'table-changes': z.array(ingotChangeSchema) }),
  z
    .object({
      'idempotency-key': z.string(),
      note: z.record(z.string(), z.unknown()).optional(),
      members: z.array(memberSchema).optional(),
    })
    .transform(
      ({ 'idempotency-key': idempotencyKey, note, members }): CommitOptions => ({
        idempotencyKey,
        ...(note && { note }),
        ...(members && { members }),
      }),
    ),
)

/** Reads an object as if its members that are null were not there. */
export function withoutNulls<T extends z.ZodType>(schema: T) {
  return z.preprocess(
    value =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
        : value,
    schema,
  )
}
