import type { SqlNode } from '../lake/sql-tree.ts'

/** Thrown inside the analysis of a query by what cannot be refreshed from changes; analyzeQuery turns it into its answer. */
export class NotIncremental extends Error {
  override readonly name = 'NotIncremental'
  /** Where the construct begins. */
  readonly location: SqlNode

  constructor(construct: string, location: SqlNode) {
    super(construct)
    this.location = location
  }
}

/** `construct` with the line of the query that it is on, when the tree says where. */
export function describeReason(reason: NotIncremental, sql: string): string {
  const at = reason.location.query_location
  const offset = typeof at === 'bigint' || typeof at === 'number' ? Number(at) : Number.POSITIVE_INFINITY
  const bytes = Buffer.from(sql)
  if (offset >= bytes.length) return reason.message
  const line = bytes.subarray(0, offset).toString().split('\n').length
  return `${reason.message}, in line ${line} of the query`
}
