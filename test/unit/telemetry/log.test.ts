import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IngotError } from '../../../src/errors.ts'
import { createLog, type LogLevel } from '../../../src/telemetry/log.ts'

function capture(level: LogLevel, pretty = false) {
  const lines: string[] = []
  const log = createLog({ level, pretty, stream: { write: line => lines.push(line) } })
  return { log, lines, entries: () => lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}

describe('a log', () => {
  it('writes one JSON line a call, from its level on, with the fields of its parents', () => {
    const { log, entries } = capture('info')
    log.debug({}, 'not written')
    log.child({ table: 'silver.orders' }).info({ rows: 12 }, 'committed')
    const [entry, ...others] = entries()
    assert.deepEqual(others, [])
    assert.match(String(entry?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    assert.deepEqual(
      { ...entry, time: 0 },
      { level: 'info', time: 0, table: 'silver.orders', rows: 12, msg: 'committed' },
    )
  })

  it('is silent when told so', () => {
    const { log, lines } = capture('silent')
    log.error({}, 'not written')
    assert.deepEqual(lines, [])
  })

  it('keeps the code, hint, context and cause of an error', () => {
    const { log, entries } = capture('info')
    const cause = new TypeError('disk is full')
    log.error(
      {
        err: new IngotError('STORAGE_FAILED', 'a failed', {
          cause,
          hint: 'free it',
          context: { path: '/a' },
        }),
      },
      'no',
    )
    const { stack, cause: loggedCause, ...error } = (entries()[0]?.err ?? {}) as Record<string, unknown>
    assert.deepEqual(error, {
      code: 'STORAGE_FAILED',
      message: 'a failed',
      hint: 'free it',
      context: { path: '/a' },
    })
    assert.match(String(stack), /^IngotError: a failed\n/)
    assert.equal((loggedCause as { readonly message: string }).message, 'disk is full')
  })

  it('never writes a secret', () => {
    const { log, lines } = capture('info')
    log.info(
      {
        password: 'hunter2',
        s3: { secretAccessKey: 'hunter2' },
        http: { headers: { authorization: 'hunter2' } },
      },
      'x',
    )
    log.child({ token: 'hunter2' }).info({}, 'y')
    assert.equal(lines.length, 2)
    assert(lines.every(line => line.includes('[redacted]') && !line.includes('hunter2')))
  })

  it('writes for a person when asked to', () => {
    const { log, lines } = capture('info', true)
    log.warn(
      { table: 'a b', rows: 1, err: new IngotError('DATA_INVALID', 'bad row', { hint: 'mend it' }) },
      'failed',
    )
    const [first, second, ...rest] = lines.join('').split('\n')
    assert.match(String(first), /^\d\d:\d\d:\d\d\.\d{3} warn {2}failed table="a b" rows=1$/)
    assert.equal(second, '  DATA_INVALID IngotError: bad row')
    assert.deepEqual(rest.slice(-2), ['  hint: mend it', ''])
  })
})
