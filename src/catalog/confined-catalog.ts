import { isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { Catalog, CommitOptions, CommitResult, TableChange } from './catalog.ts'
import { ForwardingCatalog } from './forwarding-catalog.ts'
import { type SnapshotAdmission, snapshotsAdded } from './snapshot-admission.ts'

/**
 * A catalog for writers that write manifests by themselves: their snapshots are looked through before they are committed. What this program
 * writes needs no such look.
 */
export class ConfinedCatalog extends ForwardingCatalog {
  readonly #admission: SnapshotAdmission

  /** @param admission may be shared by several, which then read each manifest once between them */
  constructor(inner: Catalog, admission: SnapshotAdmission) {
    super(inner)
    this.#admission = admission
  }

  override async commit(changes: readonly TableChange[], options: CommitOptions): Promise<CommitResult> {
    const withSnapshots = changes.filter(change => snapshotsAdded(change).length > 0)
    await Promise.all(
      withSnapshots.map(async change => this.#admission.check(change, await this.#baseOf(change))),
    )
    return await this.inner.commit(changes, options)
  }

  async #baseOf({ identifier }: TableChange): Promise<TableMetadata | null> {
    try {
      return (await this.inner.loadTable(identifier)).metadata
    } catch (error) {
      // The commit itself says whether a table must be there.
      if (isIngotError(error, 'TABLE_NOT_FOUND')) return null
      throw error
    }
  }
}
