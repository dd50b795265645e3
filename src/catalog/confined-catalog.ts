import { isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { Catalog, CommitOptions, CommitResult, TableChange } from './catalog.ts'
import { createsTable } from './commit-tables.ts'
import { ForwardingCatalog } from './forwarding-catalog.ts'
import { type SnapshotAdmission, snapshotsAdded } from './snapshot-admission.ts'
import { notFound } from './store-refusals.ts'

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
    // One after the other: each may read large manifests.
    for (const change of changes) {
      if (snapshotsAdded(change).length === 0) continue
      const base = await this.#baseOf(change)
      if (base === null && !createsTable(change)) await this.#requireReplay(change, options)
      await this.#admission.check(change, base)
    }
    return await this.inner.commit(changes, options)
  }

  /** A table that is not there could be by the time of the commit, with files that nobody looked at: this can only repeat an earlier commit. */
  async #requireReplay({ identifier }: TableChange, { idempotencyKey }: CommitOptions): Promise<void> {
    if ((await this.inner.findCommit(idempotencyKey)) === undefined) throw notFound(identifier, 'table')
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
