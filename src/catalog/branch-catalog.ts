import { IngotError } from '../errors.ts'
import type { Requirement, SnapshotRef, TableMetadata, Update } from '../format/metadata-types.ts'
import { ancestorsOf } from '../format/snapshot.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type {
  Catalog,
  CommitOptions,
  CommitResult,
  LoadedTable,
  PointInHistory,
  TableChange,
} from './catalog.ts'
import { ForwardingCatalog } from './forwarding-catalog.ts'

const MAIN = 'main'

/**
 * The catalog as it looks from one branch: of each table that has the branch its head passes for that of main, and what
 * is committed to main goes to the branch. A table without the branch is read as main has it, and gets the branch, from
 * there, by the first commit to it. So a whole run can be written aside, audited, and published (write-audit-publish).
 * Columns, partitions and properties have no branches in Iceberg: a commit that changes those of a table that is there
 * is refused (UNSUPPORTED).
 */
export function createBranchCatalog(catalog: Catalog, branch: string): Catalog {
  return branch === MAIN ? catalog : new BranchCatalog(catalog, branch)
}

class BranchCatalog extends ForwardingCatalog {
  readonly #branch: string

  constructor(inner: Catalog, branch: string) {
    super(inner)
    this.#branch = branch
  }

  override async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    return onBranch(await this.inner.loadTable(identifier), this.#branch)
  }

  override async loadTableAt(identifier: TableIdentifier, point: PointInHistory): Promise<LoadedTable> {
    return onBranch(await this.inner.loadTableAt(identifier, point), this.#branch)
  }

  override async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    const moved = await Promise.all(changes.map(change => this.#toBranch(change)))
    return this.#toResult(await this.inner.commit(moved, options))
  }

  override async findCommit(idempotencyKey: string): Promise<CommitResult | undefined> {
    const result = await this.inner.findCommit(idempotencyKey)
    return result && this.#toResult(result)
  }

  #toResult(result: CommitResult): CommitResult {
    return { ...result, tables: result.tables.map(table => onBranch(table, this.#branch)) }
  }

  async #toBranch(change: TableChange): Promise<TableChange> {
    const isCreated = change.requirements.some(({ type }) => type === 'assert-create')
    if (!isCreated) requireSnapshotsOnly(change, this.#branch)
    const current = isCreated ? undefined : (await this.inner.loadTable(change.identifier)).metadata
    return {
      ...change,
      requirements: change.requirements.map(requirement => this.#requireBranch(requirement, current)),
      updates: change.updates.map(update => this.#updateBranch(update, current)),
    }
  }

  /**
   * What was staged on main is to create the branch, unless another commit did so meanwhile; what was staged on a branch
   * that is gone since is refused.
   */
  #requireBranch(requirement: Requirement, current: TableMetadata | undefined): Requirement {
    if (requirement.type !== 'assert-ref-snapshot-id' || requirement.ref !== MAIN) return requirement
    const { 'snapshot-id': head } = requirement
    const creates = current?.refs[this.#branch] === undefined && (head === null || isOnMain(current, head))
    return { ...requirement, ref: this.#branch, 'snapshot-id': creates ? null : head }
  }

  #updateBranch(update: Update, current: TableMetadata | undefined): Update {
    if (update.action === 'remove-snapshot-ref' && update['ref-name'] === MAIN) {
      return { ...update, 'ref-name': this.#branch }
    }
    if (update.action !== 'set-snapshot-ref' || update['ref-name'] !== MAIN) return update
    const kept: SnapshotRef = current?.refs[this.#branch] ?? { type: 'branch', 'snapshot-id': 0n }
    return {
      ...kept,
      action: 'set-snapshot-ref',
      'ref-name': this.#branch,
      'snapshot-id': update['snapshot-id'],
    }
  }
}

/** The table with the head of a branch in the place of main's. */
function onBranch(table: LoadedTable, branch: string): LoadedTable {
  const ref = table.metadata.refs[branch]
  if (ref === undefined) return table
  if (ref.type === 'tag') {
    const name = formatIdentifier(table.identifier)
    throw new IngotError('REQUEST_INVALID', `${branch} is a tag of table ${name}, and no branch`, {
      hint: 'choose another name for the branch, or drop the tag',
      context: { identifier: table.identifier, branch },
    })
  }
  const { refs } = table.metadata
  return {
    ...table,
    metadata: {
      ...table.metadata,
      'current-snapshot-id': ref['snapshot-id'],
      refs: { ...refs, [MAIN]: { ...ref } },
    },
  }
}

function isOnMain(metadata: TableMetadata | undefined, snapshotId: bigint): boolean {
  const head = metadata?.['current-snapshot-id']
  if (metadata === undefined || head === undefined) return false
  return ancestorsOf(metadata, head).some(snapshot => snapshot['snapshot-id'] === snapshotId)
}

const SNAPSHOT_ACTIONS: ReadonlySet<Update['action']> = new Set([
  'add-snapshot',
  'set-snapshot-ref',
  'remove-snapshot-ref',
  'remove-snapshots',
])

function requireSnapshotsOnly({ identifier, updates, isDrop }: TableChange, branch: string): void {
  const shared = isDrop ? 'drop' : updates.find(({ action }) => !SNAPSHOT_ACTIONS.has(action))?.action
  if (shared === undefined) return
  const name = formatIdentifier(identifier)
  throw new IngotError('UNSUPPORTED', `${shared} of table ${name} cannot be kept to branch ${branch}`, {
    hint: 'columns, partitions and properties are those of all branches: change them on main first, then run on the branch',
    context: { identifier, branch, action: shared },
  })
}
