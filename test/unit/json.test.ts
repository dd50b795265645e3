import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson, stringifyJson } from '../../src/json.ts'

test('integers beyond 2^53 are exact', () => {
  const text = '{"id":9223372036854775807,"small":9007199254740991,"list":[-9223372036854775808,1.5e300]}'
  assert.deepEqual(parseJson(text), {
    id: 9223372036854775807n,
    small: 9007199254740991,
    list: [-9223372036854775808n, 1.5e300],
  })
  assert.equal(stringifyJson(parseJson(text)), text.replace('1.5e300', '1.5e+300'))
})

test('digits inside strings and keys, fractions and exponents are left alone', () => {
  const text =
    '{"12345678901234567890":"12345678901234567890","a":0.12345678901234567890,"b":12345678901234567890e1,"c":12345678901234567890}'
  assert.deepEqual(parseJson(text), {
    ...(JSON.parse(text) as object),
    c: 12345678901234567890n,
  })
})

test('text that looks like the inner mark stays text', () => {
  const long = 12345678901234567890n
  for (const text of ['~1', '~s~', '~', '\\', '"~1":']) {
    assert.deepEqual(parseJson(stringifyJson([text, { [text]: text }, long])), [text, { [text]: text }, long])
  }
  assert.deepEqual(parseJson('["\\u007e123",12345678901234567890]'), ['~123', long])
})

test('keys that look like the inner mark stay keys, however far their colon is', () => {
  const key = `"~1"${' '.repeat(300)}:`
  const text = `{${key} 12345678901234567890, "\\u007e2"\n: {"__proto__": [12345678901234567890, "~3"]}}`
  const parsed = parseJson(text) as Record<string, unknown>
  assert.equal(parsed['~1'], 12345678901234567890n)
  assert.equal(stringifyJson(parsed['~2']), '{"__proto__":[12345678901234567890,"~3"]}')
})

test('text that is nested too deeply is refused, whatever its strings hold', () => {
  for (const long of ['1', '12345678901234567890']) {
    assert.deepEqual(stringifyJson(parseJson(`[["[[[", ${long}]]`, 2)), `[["[[[",${long}]]`)
    assert.throws(() => parseJson(`[[{"a": ${long}}]]`, 2), /nested more than 2 levels/)
  }
})

test('what is not JSON is refused', () => {
  for (const text of [
    '',
    '-01234567890123456789',
    '12345678901234567890x',
    '{"a":1,}',
    '"12345678901234567890',
    '[12345678901234567890 1]',
    '{12345678901234567890: 1}',
    '{"a": {-12345678901234567890 : 1}}',
  ]) {
    assert.throws(() => parseJson(text), SyntaxError, text)
  }
})

test('any JSON value comes back, with indentation and without', () => {
  const value = fc.letrec(tie => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('any')),
      fc.dictionary(fc.string(), tie('any'), { noNullPrototype: true }),
    ),
  })).any
  fc.assert(
    fc.property(value, fc.nat(4), (original, indent) => {
      assert.deepEqual(parseJson(stringifyJson(original, indent)), original)
    }),
  )
})

test('objects print as JSON.stringify does, undefined left out', () => {
  const value = { a: [1, { b: 'x' }, []], c: undefined, d: {}, e: null }
  assert.equal(stringifyJson(value, 2), JSON.stringify(value, null, 2))
  assert.equal(stringifyJson(value), JSON.stringify(value))
})
