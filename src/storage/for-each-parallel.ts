/** At most this many at once of one call. */
const PARALLEL_MAX = 8

/** Does `work` for every item, several at a time; rejects as soon as one does, when others may still be under way. */
export async function forEachParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const remaining = items.values()
  const run = async (): Promise<void> => {
    for (const item of remaining) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL_MAX, items.length) }, run))
}
