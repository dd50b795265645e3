import type { Requirement, TableMetadata, Update } from '../format/metadata-types.ts'
import { applyUpdates } from '../format/table-updates.ts'
import type { StagedTable } from './staged-table.ts'

export interface StagedChanges {
  readonly requirements: readonly Requirement[]
  readonly updates: readonly Update[]
  /** @default the time of the last change: the catalog sets the time of the commit */
  readonly nowMs?: number
}

/** A staged table with more changes on top. */
export function withChanges(staged: StagedTable, changes: StagedChanges): StagedTable {
  const nowMs = Math.max(changes.nowMs ?? 0, staged.metadata['last-updated-ms'])
  return {
    ...staged,
    requirements: mergeRequirements(staged, changes.requirements),
    updates: [...staged.updates, ...changes.updates],
    metadata: applyUpdates(staged.metadata, changes.updates, { nowMs }),
  }
}

/**
 * Requirements are about the base: of two of a kind the first holds, as later ones are about what is staged. A table
 * that the transaction creates is guarded whole by `assert-create`.
 */
function mergeRequirements(staged: StagedTable, added: readonly Requirement[]): readonly Requirement[] {
  if (staged.base === null) return staged.requirements
  const merged = new Map(staged.requirements.map(requirement => [requirementKind(requirement), requirement]))
  for (const requirement of added) {
    const kind = requirementKind(requirement)
    if (!merged.has(kind)) merged.set(kind, requirement)
  }
  return [...merged.values()]
}

function requirementKind(requirement: Requirement): string {
  return requirement.type === 'assert-ref-snapshot-id'
    ? `${requirement.type} ${requirement.ref}`
    : requirement.type
}

/** What moving main relies on: that it is still the same table, and that nobody else moved main. */
export function requireMain(metadata: TableMetadata): Requirement[] {
  return [
    { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
    {
      type: 'assert-ref-snapshot-id',
      ref: 'main',
      'snapshot-id': metadata.refs.main?.['snapshot-id'] ?? null,
    },
  ]
}

/** What new files rely on: that columns and partitions are defined as they were when the files were written. */
export function requireDefinition(metadata: TableMetadata): Requirement[] {
  return [
    { type: 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] },
    { type: 'assert-default-spec-id', 'default-spec-id': metadata['default-spec-id'] },
  ]
}
