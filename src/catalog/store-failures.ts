import { IngotError } from '../errors.ts'

/** Does work on a store's database. @throws CATALOG_UNAVAILABLE for whatever the database threw */
export async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw unavailable(cause)
  }
}

/** The error for a transaction that the database certainly did not apply. */
export function unavailable(cause: unknown): IngotError {
  if (cause instanceof IngotError) return cause
  return new IngotError('CATALOG_UNAVAILABLE', `the catalog store failed: ${reasonOf(cause)}`, {
    cause,
    retryable: true,
    hint: 'look at the database of the catalog: its disk, its permissions, its other users',
  })
}

/** What went wrong, in words: that no address of a host answered is said by an error of several, without words. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
