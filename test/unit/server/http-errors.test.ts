import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ERROR_CODES, IngotError } from '../../../src/errors.ts'
import { ERROR_MAPPINGS, toErrorBody } from '../../../src/server/http-errors.ts'

test('http errors: every code has a status, a type and an SQLSTATE', () => {
  assert.deepEqual(Object.keys(ERROR_MAPPINGS).sort(), [...ERROR_CODES].sort())
  for (const [code, { status, type, sqlState }] of Object.entries(ERROR_MAPPINGS)) {
    assert.ok(status >= 400 && status <= 599, code)
    assert.match(type, /^[A-Z]\w+(Exception|Error)$/, code)
    assert.match(sqlState, /^[0-9A-Z]{5}$/, code)
  }
})

test('http errors: only what is certainly not applied answers 409, and the unknown is no 409', () => {
  const certain = ['COMMIT_CONFLICT', 'NAMESPACE_EXISTS', 'NAMESPACE_NOT_EMPTY', 'TABLE_EXISTS']
  const conflicts = ERROR_CODES.filter(code => ERROR_MAPPINGS[code].status === 409)
  assert.deepEqual(conflicts.toSorted(), certain)
  const { status, type } = ERROR_MAPPINGS.COMMIT_STATE_UNKNOWN
  assert.deepEqual({ status, type }, { status: 500, type: 'CommitStateUnknownException' })
})

test('http errors: docs/errors.md has each code once, with its status', async () => {
  const text = await readFile(join(process.cwd(), 'docs/errors.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)]
  assert.deepEqual(
    rows.map(row => row[1]),
    [...ERROR_CODES],
  )
  for (const [, code, status] of rows) {
    const mapping = Object.entries(ERROR_MAPPINGS).find(([name]) => name === code)?.[1]
    assert.equal(Number(status), mapping?.status, code)
  }
})

test('http errors: a body carries what the error says, and nothing of a fault in the program', () => {
  const error = new IngotError('TABLE_NOT_FOUND', 'table a.b is not there', {
    hint: 'look again',
    context: { snapshotId: 7n },
  })
  assert.deepEqual(toErrorBody(error), {
    error: {
      message: 'table a.b is not there',
      type: 'NoSuchTableException',
      code: 404,
      ingot: { code: 'TABLE_NOT_FOUND', retryable: false, hint: 'look again', context: { snapshotId: 7n } },
    },
  })
  const fault = toErrorBody(new TypeError('secret of /home/x'))
  assert.deepEqual(fault, { error: { message: 'internal error', type: 'InternalServerError', code: 500 } })
})
