import type { Grant } from '../catalog/access-store.ts'
import type { Catalog } from '../catalog/catalog.ts'

/** Whoever makes a request, and what they may do. */
export interface Session {
  readonly principal: string
  readonly grants: readonly Grant[]
  /** Where the catalog puts tables. */
  readonly root: string
  /** What they ask for is done here, in their name; it does not look at the grants. */
  readonly catalog: Catalog
}
