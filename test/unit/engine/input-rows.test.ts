import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createRowBuilder } from '../../../src/engine/input-rows.ts'

const toRow = createRowBuilder(['vehicle', 'speed_kmh', '__proto__'])

test('a row has its columns, and is like a plain object otherwise', async () => {
  const row = toRow(['a', 12.5, 'p'])
  assert.deepEqual(
    { ...row },
    Object.fromEntries([
      ['vehicle', 'a'],
      ['speed_kmh', 12.5],
      ['__proto__', 'p'],
    ]),
  )
  assert.deepEqual(Object.keys(toRow(['a'])), ['vehicle', 'speed_kmh', '__proto__'])
  assert.equal(toRow(['a']).speed_kmh, null)
  assert.equal(JSON.stringify(row), '{"vehicle":"a","speed_kmh":12.5,"__proto__":"p"}')
  assert.equal(`${row}`, '[object Object]')
  assert.equal(await Promise.resolve(row), row)
  assert.match(inspect(row), /vehicle: 'a'/)
  assert.deepEqual(['vehicle' in row, 'speed' in row, Object.hasOwn(row, 'vehicle')], [true, false, true])
})

test('a column that a row does not have is named, with the one that was meant', () => {
  const row = toRow(['a', 12.5, null])
  assert.throws(() => row.speed_kmhh, {
    message: 'the row has no column speed_kmhh: did you mean speed_kmh?',
  })
  assert.throws(() => row.Vehicle, { message: 'the row has no column Vehicle: did you mean vehicle?' })
  assert.throws(() => row.depot, {
    message: 'the row has no column depot: its columns are vehicle, speed_kmh, __proto__',
  })
  assert.throws(() => {
    const { vehicle, speed = 0 } = row
    return [vehicle, speed]
  }, /the row has no column speed:/)
})

test('rows do not share what one of them holds', () => {
  const first = toRow(['a', 1, null])
  const second = toRow(['b', 2, null])
  assert.deepEqual([first.vehicle, second.vehicle], ['a', 'b'])
})
