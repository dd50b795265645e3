import type { AccessStore } from './access-store.ts'
import type { CatalogStore } from './store.ts'
import type { StoreContents } from './store-contents.ts'

/** What an operator wants to know of a store. */
export interface StoreDescription {
  /** The file, or the URL without its password. */
  readonly place: string
  /** The database's name and version: `PostgreSQL 17.5`. */
  readonly program: string
  /** What the schema's migrations are about, in the order in which they were applied. */
  readonly migrations: readonly string[]
}

/** A CatalogStore that is kept in a database. */
export interface DatabaseStore extends CatalogStore {
  /** @throws CATALOG_UNAVAILABLE */
  describe(): Promise<StoreDescription>
  /** Everything in it, as one instant saw it, for a copy. @throws CATALOG_UNAVAILABLE */
  contents(): Promise<StoreContents>
  /**
   * Puts what a copy begins with in the place of what is there, in one transaction.
   * @throws REQUEST_INVALID when what is there is not an earlier state of it; CATALOG_UNAVAILABLE
   */
  restore(contents: StoreContents): Promise<void>
  /** Who may use what is in it. Closed with this store. */
  readonly access: AccessStore
  /** The same store, for which the audit log names `principal` as who changes it. Closed with this one. */
  attributedTo(principal: string): CatalogStore
}
