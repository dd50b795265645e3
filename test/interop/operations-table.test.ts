import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STORES } from './interop-store.ts'
import { OPERATIONS, type Outcome, type Outcomes } from './operations.ts'
import { withOutcomes } from './operations-table.ts'

const [FIRST, SECOND] = OPERATIONS
const EMPTY =
  'Before.\n\n<!-- operations: begin, written by npm run test:interop -->\n<!-- operations: end -->\n\nAfter.\n'

function all(outcome: Outcome, exceptFirst: Outcome = outcome): Outcomes {
  return new Map(
    STORES.map(store => [
      store,
      new Map(OPERATIONS.map((name, index) => [name, index === 0 ? exceptFirst : outcome])),
    ]),
  )
}

test('the page gets the columns of an engine, and those of the others stay', () => {
  const duckdb = withOutcomes(
    EMPTY,
    'DuckDB',
    all({ result: 'yes' }, { result: 'refused', words: 'no | never' }),
  )
  const both = withOutcomes(duckdb, 'PyIceberg', all({ result: 'not offered' }))
  const lines = both.split('\n')
  assert.ok(lines.includes(`| ${FIRST} | not offered | not offered | refused | refused |  |  |`))
  assert.ok(lines.includes(`| ${SECOND} | not offered | not offered | yes | yes |  |  |`))
  assert.ok(lines.includes(`- DuckDB, ${FIRST}: \`no | never\``), both)
  assert.equal(withOutcomes(both, 'PyIceberg', all({ result: 'not offered' })), both)
  assert.ok(both.startsWith('Before.\n\n<!--') && both.endsWith('-->\n\nAfter.\n'))
  const later = withOutcomes(both, 'DuckDB', all({ result: 'yes' }))
  assert.ok(
    !later.includes('never') && later.includes(`| ${FIRST} | not offered | not offered | yes | yes |  |  |`),
  )
})

test('a page without a place for it is refused', () => {
  assert.throws(() => withOutcomes('nothing', 'Spark', all({ result: 'yes' })), /no <!-- operations: begin/)
})
