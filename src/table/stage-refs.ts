import { IngotError } from '../errors.ts'
import type { SnapshotRef, TableMetadata } from '../format/metadata-types.ts'
import { ancestorsOf, resolveSnapshot, type SnapshotSelector } from '../format/snapshot.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { withChanges } from './staged-changes.ts'
import type { StagedTable } from './staged-table.ts'

const MAIN = 'main'
const NAME_CHARACTERS_MAX = 200

/** A branch or tag to make (Iceberg spec, "Snapshot Retention Policy"). */
export interface NewRef {
  readonly name: string
  readonly type: SnapshotRef['type']
  /** @default the head of main */
  readonly at?: SnapshotSelector
  /** After which maintenance may drop the ref itself. @default never */
  readonly maxRefAgeMs?: number
}

/** Makes a branch or tag. @throws REQUEST_INVALID when the name is taken; SNAPSHOT_NOT_FOUND */
export function stageNewRef(staged: StagedTable, { name, type, at, maxRefAgeMs }: NewRef): StagedTable {
  requireName(name)
  if (staged.metadata.refs[name] !== undefined) {
    throw refError(staged, name, `has a ${staged.metadata.refs[name].type} ${name}`, 'choose another name')
  }
  const snapshot = resolveSnapshot(staged.metadata, at ?? { ref: MAIN })
  return withChanges(staged, {
    requirements: [requireTable(staged), requireRef(staged, name)],
    updates: [
      {
        action: 'set-snapshot-ref',
        'ref-name': name,
        type,
        'snapshot-id': snapshot['snapshot-id'],
        ...(maxRefAgeMs === undefined ? {} : { 'max-ref-age-ms': maxRefAgeMs }),
      },
    ],
  })
}

/** Drops a branch or tag; its snapshots stay until they expire. @throws REQUEST_INVALID for main; SNAPSHOT_NOT_FOUND */
export function stageDropRef(staged: StagedTable, name: string): StagedTable {
  if (name === MAIN) throw refError(staged, name, 'cannot lose its branch main', 'name another branch')
  resolveSnapshot(staged.metadata, { ref: name })
  return withChanges(staged, {
    requirements: [requireTable(staged), requireRef(staged, name)],
    updates: [{ action: 'remove-snapshot-ref', 'ref-name': name }],
  })
}

/**
 * Moves the branch `to` on to the head of `from`, a branch or tag, of which it must be an ancestor: nothing that `to`
 * has is lost. Unchanged where both are at one snapshot.
 * @throws REQUEST_INVALID when they have diverged; SNAPSHOT_NOT_FOUND
 */
export function stageFastForward(staged: StagedTable, from: string, to: string = MAIN): StagedTable {
  const { metadata } = staged
  const target = resolveSnapshot(metadata, { ref: from })['snapshot-id']
  const branch = metadata.refs[to] ?? { type: 'branch' as const, 'snapshot-id': undefined }
  if (branch['snapshot-id'] === target) return staged
  if (branch.type !== 'branch') throw refError(staged, to, `has a tag ${to}, and no branch`, 'name a branch')
  requireAncestor(staged, from, to)
  return withChanges(staged, {
    requirements: [requireTable(staged), requireRef(staged, from), requireRef(staged, to)],
    updates: [{ ...branch, action: 'set-snapshot-ref', 'ref-name': to, 'snapshot-id': target }],
  })
}

function requireAncestor(staged: StagedTable, from: string, to: string): void {
  const { metadata } = staged
  const head = metadata.refs[to]?.['snapshot-id']
  if (head === undefined) return
  const target = resolveSnapshot(metadata, { ref: from })['snapshot-id']
  if (ancestorsOf(metadata, target).some(snapshot => snapshot['snapshot-id'] === head)) return
  throw refError(
    staged,
    from,
    `has snapshots on ${to} that ${from} does not have`,
    `${to} moved on after ${from} left it: drop ${from} and write it again from where ${to} is now`,
  )
}

/** The branches and tags of a table, main first, then by name. */
export function listRefs(metadata: TableMetadata): readonly (SnapshotRef & { readonly name: string })[] {
  return Object.entries(metadata.refs)
    .map(([name, ref]) => ({ ...ref, name }))
    .sort((a, b) => Number(b.name === MAIN) - Number(a.name === MAIN) || (a.name < b.name ? -1 : 1))
}

function requireTable({ metadata }: StagedTable) {
  return { type: 'assert-table-uuid', uuid: metadata['table-uuid'] } as const
}

/** That the ref is where it is now, or not there. */
function requireRef({ metadata }: StagedTable, ref: string) {
  return {
    type: 'assert-ref-snapshot-id',
    ref,
    'snapshot-id': metadata.refs[ref]?.['snapshot-id'] ?? null,
  } as const
}

function requireName(name: string): void {
  // Control characters would garble logs and URLs; the rest is the user's.
  if (name !== '' && name.length <= NAME_CHARACTERS_MAX && !/\p{Cc}/u.test(name)) return
  throw new IngotError('REQUEST_INVALID', `${JSON.stringify(name)} is no name for a branch or tag`, {
    hint: `a name has 1 to ${NAME_CHARACTERS_MAX} characters, none of them a control character`,
  })
}

function refError({ identifier }: StagedTable, ref: string, what: string, hint: string): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('REQUEST_INVALID', `table ${name} ${what}`, { hint, context: { identifier, ref } })
}
