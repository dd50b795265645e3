import { jittered } from '../random.ts'
import type { TableContext } from './staged-table.ts'

/** How often what lost to others is tried again before that is given up. */
export const CONFLICT_RETRIES_MAX = 10

const FIRST_MS = 100
const FACTOR = 1.5
const MAX_MS = 10_000

/** Waits before a retry; `retry` counts from 0, and each waits longer than the one before, so that rivals thin out. */
export async function pauseBeforeRetry(
  { clock, random }: Pick<TableContext, 'clock' | 'random'>,
  retry: number,
  signal?: AbortSignal,
): Promise<void> {
  await clock.sleep(jittered(Math.min(MAX_MS, FIRST_MS * FACTOR ** retry), random), signal)
}
