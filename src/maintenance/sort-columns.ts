import type { TableMetadata } from '../format/metadata-types.ts'
import { currentSchema, fieldsById } from '../format/schema.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier } from '../sql-text.ts'

/** By which columns rewritten files are sorted. */
export interface Sorting {
  /** What follows ORDER BY. */
  readonly orderBy: string
  /** When it is the table's own sort order. */
  readonly sortOrderId?: number
}

/** The property that names columns to sort by, separated by commas, in tables without a sort order. */
const SORT_BY = 'ingot.sort-by'

/**
 * How the rows of a table are sorted when they are written again, so that bounds rule files out: by its sort order, else by the
 * columns that `ingot.sort-by` names, else by its identifier fields, else not at all.
 */
export function sortingOf(metadata: TableMetadata): Sorting | undefined {
  const own = ownSortOrder(metadata)
  if (own !== undefined) return own
  const schema = currentSchema(metadata)
  const named = (metadata.properties[SORT_BY] ?? '').split(',').map(name => name.trim())
  const byName = schema.fields.filter(field => named.includes(field.name))
  const identifiers = new Set(schema['identifier-field-ids'] ?? [])
  const fields =
    byName.length > 0
      ? byName.toSorted((a, b) => named.indexOf(a.name) - named.indexOf(b.name))
      : schema.fields.filter(field => identifiers.has(field.id))
  const sortable = fields.filter(field => isPrimitive(field.type))
  if (sortable.length === 0) return undefined
  return { orderBy: sortable.map(field => quoteIdentifier(field.name)).join(', ') }
}

/** The order of a transform is that of its source for all transforms but bucket, which tells nothing about ranges. */
function ownSortOrder(metadata: TableMetadata): Sorting | undefined {
  const id = metadata['default-sort-order-id']
  const order = metadata['sort-orders'].find(candidate => candidate['order-id'] === id)
  const columns = fieldsById(currentSchema(metadata))
  const terms = (order?.fields ?? []).map(field => {
    const [name, nested] = columns.get(field['source-id'])?.path ?? []
    const isPlain = name !== undefined && nested === undefined && field.transform === 'identity'
    if (!isPlain) return undefined
    const nulls = field['null-order'] === 'nulls-first' ? 'NULLS FIRST' : 'NULLS LAST'
    return `${quoteIdentifier(name)} ${field.direction === 'desc' ? 'DESC' : 'ASC'} ${nulls}`
  })
  const sortable = terms.filter(term => term !== undefined)
  if (sortable.length === 0) return undefined
  // Files may only claim the order when they follow all of it.
  return {
    orderBy: sortable.join(', '),
    ...(sortable.length === terms.length ? { sortOrderId: id } : {}),
  }
}
