import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of its own while `work` runs. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'ingot-e2e-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The variables that put a lake's tables and catalog into `folder`, whatever project it is of. */
export function stateIn(folder: string): NodeJS.ProcessEnv {
  return { INGOT_STORAGE_ROOT: join(folder, 'lake'), INGOT_CATALOG_FILE: join(folder, 'catalog.db') }
}
