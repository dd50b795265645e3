import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  formatDate,
  formatTime,
  formatTimestamp,
  formatTimestampTz,
  parseDate,
  parseTime,
  parseTimestamp,
} from '../../../src/engine/temporal-text.ts'

const anyDays = fc.integer({ min: -(2 ** 31) + 2, max: 2 ** 31 - 2 })
const anyMicros = fc.bigInt({ min: -(2n ** 63n) + 2n, max: 2n ** 63n - 2n })

describe('dates and times as text', () => {
  it('come back as they were', () => {
    fc.assert(fc.property(anyDays, days => parseDate(formatDate(days)) === days))
    fc.assert(fc.property(anyMicros, micros => parseTimestamp(formatTimestamp(micros)) === micros))
    fc.assert(fc.property(anyMicros, micros => parseTimestamp(formatTimestampTz(micros)) === micros))
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 86_399_999_999n }),
        micros => parseTime(formatTime(micros)) === micros,
      ),
    )
  })

  it('agree with Date where it reaches', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        date => {
          const micros = BigInt(date.getTime()) * 1000n
          const text = formatTimestamp(micros)
          return (
            parseTimestamp(date.toISOString()) === micros &&
            date.toISOString().startsWith(text.replace(' ', 'T'))
          )
        },
      ),
    )
  })

  it('take an offset into account', () => {
    assert.equal(parseTimestamp('1970-01-01T02:30:00+02:30'), 0n)
    assert.equal(parseTimestamp('1970-01-01 00:00-01'), 3_600_000_000n)
    assert.equal(parseTimestamp('1970-01-01T00:00:00.000001Z'), 1n)
    assert.equal(parseTimestamp('infinity'), 2n ** 63n - 1n)
    assert.equal(parseDate('-infinity'), -(2 ** 31 - 1))
  })

  for (const text of [
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '24-01-01',
    '2024-1-1',
    '',
    'now',
    '2024-01-01 ',
  ]) {
    it(`'${text}' is no date`, () => assert.equal(parseDate(text), undefined))
  }
  for (const text of ['24:00:00', '12:60', '12:00:60', '12', '12:00:00.1234567', '-1:00']) {
    it(`'${text}' is no time`, () => assert.equal(parseTime(text), undefined))
  }
  for (const text of [
    '2024-01-01',
    '2024-02-30 00:00:00',
    '2024-01-01 25:00:00',
    '2024-01-01T00:00:00.1234567Z',
    '2024-01-01T00:00:00+16',
    'infinity 00:00:00',
    '294248-01-01 00:00:00',
  ]) {
    it(`'${text}' is no timestamp`, () => assert.equal(parseTimestamp(text), undefined))
  }
})
