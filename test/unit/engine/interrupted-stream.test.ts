import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { DuckdbSession } from '../../../src/engine/duckdb-session.ts'
import { StatementFailure } from '../../../src/engine/statement-failure.ts'

const SETTINGS = {
  memoryLimitBytes: 256 * 1024 * 1024,
  threads: 1,
  tempFolder: tmpdir(),
  extensionFolder: undefined,
}

test('a stream that is interrupted while its next rows are made fails, rather than end early', async () => {
  const session = await DuckdbSession.open(SETTINGS)
  try {
    session.begin()
    const { batches } = await session.stream('SELECT range FROM range(100000000)')
    const rows = batches[Symbol.asyncIterator]()
    assert.equal((await rows.next()).done, false)
    const next = rows.next()
    session.interrupt()
    await assert.rejects(next, error => {
      assert(error instanceof StatementFailure)
      assert.deepEqual(error.failure, StatementFailure.interrupted().failure)
      return true
    })
  } finally {
    session.close()
  }
})
