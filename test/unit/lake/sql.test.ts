import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isIngotError } from '../../../src/errors.ts'
import { files } from '../../../src/lake/files.ts'
import { renderSql, sql } from '../../../src/lake/sql.ts'
import { bronze } from '../../../src/lake/tables.ts'

const readings = bronze('readings', { from: files('x') })
const text = (fragment: ReturnType<typeof sql>): string => renderSql(fragment).text

describe('sql', () => {
  test('renders tables, fragments, literals and lists', () => {
    const rule = sql`speed > ${5} and ${true}`
    assert.equal(
      text(sql`select * from ${readings} where ${rule} and v in ${['a', "b'c", 1n, null]}`),
      `select * from "bronze"."readings" where speed > 5 and true and v in ('a', 'b''c', 1, NULL)`,
    )
    assert.equal(text(sql`${new Date(0)}`), `TIMESTAMPTZ '1970-01-01T00:00:00.000Z'`)
    assert.equal(text(sql`1 -${-1} ${-2n} ${-0.5}`), '1 -(-1) (-2) (-0.5)')
    assert.equal(
      text(sql`${Number.NaN} ${Number.NEGATIVE_INFINITY}`),
      `CAST('NaN' AS DOUBLE) CAST('-Infinity' AS DOUBLE)`,
    )
  })

  test('keeps backslashes as they are written', () => {
    assert.equal(text(sql`regexp_matches(v, '\d+\n')`), String.raw`regexp_matches(v, '\d+\n')`)
  })

  test('a text never ends its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), value => {
        const literal = text(sql`${value}`)
        assert.match(literal, /^'(?:[^']|'')*'$/)
        assert.equal(literal.slice(1, -1).replaceAll("''", "'"), value)
      }),
    )
  })

  test('leads each byte back to the chunk that it came from', () => {
    const inner = sql`é = ${'ü'} or x`
    const outer = sql`a ${inner} b`
    const rendered = renderSql(outer)
    const bytes = Buffer.from(rendered.text)
    const placeOf = (part: string) => rendered.placeOf(bytes.indexOf(part))
    assert.deepEqual(placeOf(' b'), { fragment: outer, chunk: 1, offset: 0 })
    assert.deepEqual(placeOf('= '), { fragment: inner, chunk: 0, offset: 2 })
    assert.deepEqual(placeOf("'ü'"), { fragment: inner, chunk: 0, offset: 4 })
    assert.deepEqual(placeOf('x'), { fragment: inner, chunk: 1, offset: 4 })
  })

  for (const [what, value, cause] of [
    ['undefined', undefined, /is undefined/],
    ['an object', {}, /is an object/],
    ['a look-alike of a fragment', { chunks: ['drop table x'], values: [] }, /is an object/],
    ['a function', () => 1, /is a function/],
    ['an empty array', [], /is an empty array/],
    ['an array of arrays', [[1]], /is an array that holds an object/],
    ['a Date without a time', new Date('x'), /is a Date without a time/],
    ['a symbol', Symbol('x'), /is of type symbol/],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => sql`select 1 where x = ${value as never}`,
        error =>
          isIngotError(error, 'DECLARATION_INVALID') && cause.test(error.message) && error.hint !== undefined,
      )
    })
  }
})
