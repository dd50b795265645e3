import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from './figure.ts'

/** What a benchmark is told. */
export interface BenchOptions {
  /** A smaller size that only shows that the benchmark works. */
  readonly isQuick: boolean
  readonly onProgress: (line: string) => void
}

/** One benchmark: measures, and says what it found. */
export type Benchmark = (options: BenchOptions) => Promise<readonly Figure[]>

/** Runs `work` with a folder that is removed after it. */
export async function withTempFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'ingot-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
