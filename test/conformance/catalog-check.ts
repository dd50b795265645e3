import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { type ErrorCode, type IngotError, isIngotError } from '../../src/errors.ts'
import type { FileIO } from '../../src/storage/file-io.ts'

/** A Catalog under test that is empty, and what its files can be looked at with. */
export interface CatalogFixture {
  readonly catalog: Catalog
  readonly io: FileIO
  readonly root: string
  dispose(): Promise<void>
}

/** One thing that every Catalog does. */
export type Check = (fixture: CatalogFixture) => Promise<void>

/** A key of its own. */
export function key(): { idempotencyKey: string } {
  return { idempotencyKey: randomUUID() }
}

/** The error that the promise is rejected with, which must have this code. */
export async function fails(code: ErrorCode, promise: Promise<unknown>): Promise<IngotError> {
  const error = await promise.then(
    () => assert.fail(`${code} was expected`),
    reason => reason,
  )
  if (!isIngotError(error, code)) throw error
  return error
}
