import { IngotError } from '../errors.ts'
import type { Requirement, TableMetadata } from './metadata-types.ts'

/** What a requirement asks for and what there is; undefined values are shown as `nothing`. */
interface Comparison {
  readonly subject: string
  readonly expected: unknown
  readonly found: unknown
}

/**
 * Checks that all requirements of a commit hold (REST spec, TableRequirement); null is a table that does not exist.
 * @throws COMMIT_CONFLICT naming the first that does not; REQUEST_INVALID for one that is not known
 */
export function checkRequirements(
  metadata: TableMetadata | null,
  requirements: readonly Requirement[],
): void {
  for (const requirement of requirements) {
    const { subject, expected, found } = compare(metadata, requirement)
    if (expected === found) continue
    throw new IngotError(
      'COMMIT_CONFLICT',
      `requirement ${requirement.type} failed: expected ${subject} ${show(expected)}, found ${show(found)}`,
      {
        hint: 'load the table again and commit on what it is now',
        context: { requirement: requirement.type, expected, found },
      },
    )
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : String(value)
}

function compare(metadata: TableMetadata | null, requirement: Requirement): Comparison {
  switch (requirement.type) {
    case 'assert-create':
      return { subject: 'table', expected: undefined, found: metadata?.['table-uuid'] }
    case 'assert-table-uuid':
      return {
        subject: 'table uuid',
        expected: requirement.uuid.toLowerCase(),
        found: metadata?.['table-uuid'].toLowerCase(),
      }
    case 'assert-ref-snapshot-id':
      return {
        subject: `snapshot of ${requirement.ref}`,
        expected: requirement['snapshot-id'] ?? undefined,
        found: metadata?.refs[requirement.ref]?.['snapshot-id'],
      }
    case 'assert-last-assigned-field-id':
      return ofNumber('last field id', requirement['last-assigned-field-id'], metadata?.['last-column-id'])
    case 'assert-current-schema-id':
      return ofNumber('current schema id', requirement['current-schema-id'], metadata?.['current-schema-id'])
    case 'assert-last-assigned-partition-id':
      return ofNumber(
        'last partition field id',
        requirement['last-assigned-partition-id'],
        metadata?.['last-partition-id'],
      )
    case 'assert-default-spec-id':
      return ofNumber('default spec id', requirement['default-spec-id'], metadata?.['default-spec-id'])
    case 'assert-default-sort-order-id':
      return ofNumber(
        'default sort order id',
        requirement['default-sort-order-id'],
        metadata?.['default-sort-order-id'],
      )
    default:
      throw new IngotError(
        'REQUEST_INVALID',
        `there is no table requirement ${JSON.stringify((requirement as { type?: unknown }).type)}`,
      )
  }
}

function ofNumber(subject: string, expected: number, found: number | undefined): Comparison {
  return { subject, expected, found }
}
