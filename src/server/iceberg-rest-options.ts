import type { Catalog } from '../catalog/catalog.ts'
import type { Random } from '../random.ts'

/** What the REST server answers from. */
export interface IcebergRestOptions {
  readonly catalog: Catalog
  readonly random: Random
}
