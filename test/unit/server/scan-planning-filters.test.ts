import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { Expression } from '../../../src/format/expression.ts'
import { planScan } from '../../../src/table/scan.ts'
import { PlanningServer } from '../../support/planning-server.ts'
import { TableLab } from '../../support/table-lab.ts'

let lab: TableLab
let server: PlanningServer
/** Twelve files: a day each of 2024-01-01 and after, halves of a, b, null in `s`. */
let table: LoadedTable

before(async () => {
  lab = await TableLab.open()
  server = new PlanningServer(lab)
  table = await lab.create(
    {
      id: 'long',
      at: 'timestamptz',
      s: 'string',
      n: 'int',
      d: 'double',
      price: 'decimal(9, 2)',
      day: 'date',
      key: 'uuid',
      point: { type: 'struct', fields: [{ id: 100, name: 'x', required: false, type: 'int' }] },
      tags: { type: 'list', 'element-id': 101, element: 'string', 'element-required': false },
    },
    ['day(at)', 's', 'bucket(4, n)'],
  )
  table = await lab.append(
    table,
    `SELECT range AS id, timestamptz '2024-01-01 12:00:00+00' + (range // 3) * interval 1 day AS at,
       [NULL, 'abc', 'abd'][1 + range % 3] AS s, range % 4 AS n, CASE WHEN range = 5 THEN 'nan'::double ELSE range / 2 END AS d,
       range / 4 AS price, date '2024-01-01' + range::int AS day,
       ('00000000-0000-0000-0000-0000000000' || lpad(range::varchar, 2, '0'))::uuid AS key,
       {'x': range} AS point, ['t' || range] AS tags FROM range(12)`,
  )
})
after(() => lab.close())

const ID = 1
const AT = 2
const S = 3
const NOON = BigInt(Date.UTC(2024, 0, 2, 12)) * 1000n
const MIDNIGHT = BigInt(Date.UTC(2024, 0, 2)) * 1000n
const bucketOf2 = { type: 'apply', function: { catalog: 'iceberg_functions', identifier: ['bucket'] } }
const name = (text: string) => ({ type: 'reference', name: text })
const nullOr = (...operands: readonly Expression[]): Expression => ({ type: 'or', operands })

/** A filter as it is sent, and what it means to the planning of a scan. */
const FORMS: Readonly<Record<string, readonly [json: unknown, meaning: Expression]>> = {
  true: [true, { type: 'always-true' }],
  false: [false, { type: 'always-false' }],
  'the object true': [{ type: 'true' }, { type: 'always-true' }],
  'the object false': [{ type: 'false' }, { type: 'always-false' }],
  'a literal for a predicate': [{ type: 'literal', value: false }, { type: 'always-false' }],
  eq: [
    { type: 'eq', term: 'id', value: 4 },
    { type: 'eq', fieldId: ID, value: 4n },
  ],
  'eq, newer': [
    { type: 'eq', left: name('id'), right: 4 },
    { type: 'eq', fieldId: ID, value: 4n },
  ],
  'eq by field id': [
    { type: 'eq', left: { type: 'reference', id: ID }, right: 4 },
    { type: 'eq', fieldId: ID, value: 4n },
  ],
  'eq by a reference of the older form': [
    { type: 'eq', term: { type: 'reference', term: 'id' }, value: 4 },
    { type: 'eq', fieldId: ID, value: 4n },
  ],
  'eq, the constant first': [
    { type: 'eq', left: 4, right: name('id') },
    { type: 'eq', fieldId: ID, value: 4n },
  ],
  'lt, the constant first': [
    { type: 'lt', left: 4, right: name('id') },
    { type: 'gt', fieldId: ID, value: 4n },
  ],
  'lt-eq, the constant first': [
    { type: 'lt-eq', left: 4, right: name('id') },
    { type: 'gte', fieldId: ID, value: 4n },
  ],
  lt: [
    { type: 'lt', term: 'id', value: 4 },
    { type: 'lt', fieldId: ID, value: 4n },
  ],
  'lt-eq': [
    { type: 'lt-eq', term: 'id', value: 4 },
    { type: 'lte', fieldId: ID, value: 4n },
  ],
  gt: [
    { type: 'gt', term: 'id', value: 4 },
    { type: 'gt', fieldId: ID, value: 4n },
  ],
  'gt-eq': [
    { type: 'gt-eq', term: 'id', value: 4 },
    { type: 'gte', fieldId: ID, value: 4n },
  ],
  'not-eq': [
    { type: 'not-eq', term: 's', value: 'abc' },
    nullOr({ type: 'not-eq', fieldId: S, value: 'abc' }, { type: 'is-null', fieldId: S }),
  ],
  'not-eq under not': [
    { type: 'not', child: { type: 'not-eq', term: 's', value: 'abc' } },
    { type: 'eq', fieldId: S, value: 'abc' },
  ],
  in: [
    { type: 'in', term: 'id', values: [1, 7] },
    { type: 'in', fieldId: ID, values: [1n, 7n] },
  ],
  'in, newer': [
    { type: 'in', child: name('id'), values: [1, 7] },
    { type: 'in', fieldId: ID, values: [1n, 7n] },
  ],
  'in, of literals': [
    { type: 'in', child: name('id'), values: { type: 'literals', values: [1, 7], 'data-type': 'int' } },
    { type: 'in', fieldId: ID, values: [1n, 7n] },
  ],
  'in, of objects': [
    {
      type: 'in',
      term: 'id',
      values: [
        { type: 'literal', value: 1 },
        { type: 'literal', value: 7, 'data-type': 'long' },
      ],
    },
    { type: 'in', fieldId: ID, values: [1n, 7n] },
  ],
  'not-in': [
    { type: 'not-in', term: 's', values: ['abc', 'abd'] },
    nullOr({ type: 'not-in', fieldId: S, values: ['abc', 'abd'] }, { type: 'is-null', fieldId: S }),
  ],
  'in nothing': [{ type: 'in', term: 'id', values: [] }, { type: 'always-false' }],
  'is-null': [
    { type: 'is-null', term: 's' },
    { type: 'is-null', fieldId: S },
  ],
  'is-null, newer': [
    { type: 'is-null', child: name('s') },
    { type: 'is-null', fieldId: S },
  ],
  'not-null': [
    { type: 'not-null', term: 's' },
    { type: 'not-null', fieldId: S },
  ],
  'is-nan': [
    { type: 'is-nan', term: 'd' },
    { type: 'is-nan', fieldId: 5 },
  ],
  'not-nan': [
    { type: 'not-nan', child: name('d') },
    { type: 'not-nan', fieldId: 5 },
  ],
  'starts-with': [
    { type: 'starts-with', term: 's', value: 'abd' },
    { type: 'starts-with', fieldId: S, value: 'abd' },
  ],
  'not-starts-with': [
    { type: 'not-starts-with', left: name('s'), right: 'abd' },
    nullOr({ type: 'not-starts-with', fieldId: S, value: 'abd' }, { type: 'is-null', fieldId: S }),
  ],
  and: [
    {
      type: 'and',
      left: { type: 'gt', term: 'id', value: 2 },
      right: { type: 'eq', term: 's', value: 'abc' },
    },
    {
      type: 'and',
      operands: [
        { type: 'gt', fieldId: ID, value: 2n },
        { type: 'eq', fieldId: S, value: 'abc' },
      ],
    },
  ],
  or: [
    { type: 'or', left: { type: 'lt', term: 'id', value: 2 }, right: { type: 'eq', term: 'id', value: 9 } },
    {
      type: 'or',
      operands: [
        { type: 'lt', fieldId: ID, value: 2n },
        { type: 'eq', fieldId: ID, value: 9n },
      ],
    },
  ],
  'not over and': [
    {
      type: 'not',
      child: {
        type: 'and',
        left: { type: 'gt', term: 'id', value: 2 },
        right: { type: 'not-null', term: 's' },
      },
    },
    nullOr({ type: 'lte', fieldId: ID, value: 2n }, { type: 'is-null', fieldId: S }),
  ],
  'a time as text': [
    { type: 'lt', term: 'at', value: '2024-01-02T00:00:00+00:00' },
    { type: 'lt', fieldId: AT, value: MIDNIGHT },
  ],
  'a time in microseconds': [
    { type: 'gt-eq', term: 'at', value: NOON },
    { type: 'gte', fieldId: AT, value: NOON },
  ],
  'a time with its type': [
    {
      type: 'gt-eq',
      left: name('at'),
      right: { type: 'literal', value: '2024-01-02T12:00:00Z', 'data-type': 'timestamptz' },
    },
    { type: 'gte', fieldId: AT, value: NOON },
  ],
  'a date': [
    { type: 'eq', term: 'day', value: '2024-01-05' },
    { type: 'eq', fieldId: 7, value: 19727 },
  ],
  'a decimal': [
    { type: 'gt', term: 'price', value: '1.50' },
    { type: 'gt', fieldId: 6, value: 150n },
  ],
  'a double': [
    { type: 'gt', term: 'd', value: 4.5 },
    { type: 'gt', fieldId: 5, value: 4.5 },
  ],
  'a uuid': [
    { type: 'eq', term: 'key', value: '00000000-0000-0000-0000-000000000007' },
    { type: 'eq', fieldId: 8, value: '00000000-0000-0000-0000-000000000007' },
  ],
  'a nested column': [
    { type: 'eq', term: 'point.x', value: 3 },
    { type: 'eq', fieldId: 11, value: 3 },
  ],
  'an element of a list': [{ type: 'eq', term: 'tags.element', value: 't3' }, { type: 'always-true' }],
  'what a transform yields': [
    { type: 'eq', term: { type: 'transform', transform: 'day', term: 'at' }, value: '2024-01-03' },
    { type: 'eq', fieldId: AT, transform: 'day', value: 19725 },
  ],
  'what a transform yields, as a number': [
    { type: 'gt', term: { type: 'transform', transform: 'day', term: 'at' }, value: 19725 },
    { type: 'gt', fieldId: AT, transform: 'day', value: 19725 },
  ],
  'a bucket': [
    { type: 'eq', term: { type: 'transform', transform: 'bucket[4]', term: 'n' }, value: 2 },
    { type: 'eq', fieldId: 4, transform: 'bucket[4]', value: 2 },
  ],
  'a bucket by its function': [
    { type: 'eq', left: { ...bucketOf2, arguments: [4, name('n')] }, right: 2 },
    { type: 'eq', fieldId: 4, transform: 'bucket[4]', value: 2 },
  ],
  'a function of somebody': [
    { type: 'eq', left: { type: 'apply', function: 'bucket', arguments: [4, name('n')] }, right: 2 },
    { type: 'unknown' },
  ],
  'a function of a predicate': [
    {
      type: 'eq',
      left: { type: 'apply', function: ['f'], arguments: [{ type: 'eq', left: name('id'), right: 1 }, 2, 3] },
      right: 2,
    },
    { type: 'unknown' },
  ],
  'two columns': [{ type: 'eq', left: name('id'), right: name('n') }, { type: 'unknown' }],
  'a metadata column': [{ type: 'eq', term: '_file', value: 'x' }, { type: 'unknown' }],
  'an int out of range': [{ type: 'lt', term: 'n', value: 2 ** 40 }, { type: 'unknown' }],
}

for (const [form, [filter, meaning]] of Object.entries(FORMS)) {
  test(`a filter with ${form} leaves the files that the planning of a scan leaves`, async () => {
    const { tasks } = await planScan(lab.context, table.metadata, { filter: meaning })
    const expected = tasks.map(({ entry }) => entry.file.filePath).toSorted()
    assert.deepEqual(await server.paths(table, { filter }), expected)
  })
}

test('the filters of these tests leave some files, and rule some out', async () => {
  const counts = await Promise.all(
    Object.values(FORMS).map(async ([filter]) => (await server.paths(table, { filter })).length),
  )
  assert.equal((await server.paths(table)).length, 12)
  assert(counts.filter(count => count > 0 && count < 12).length > 25, `${counts}`)
})

test('a filter names columns in any case when it is asked to', async () => {
  const filter = { type: 'eq', term: 'ID', value: 4 }
  assert.equal((await server.paths(table, { filter, 'case-sensitive': false })).length, 1)
  const { status, body } = await server.plan(table, { filter })
  assert.equal(status, 400)
  assert.match(String(body.error?.message), /^filter.term: the table has no column ID$/)
})

/** Of 2024-01-02 with s = abc: what is left of a filter to ask of its rows. */
const RESIDUALS: readonly (readonly [filter: unknown, residual: unknown])[] = [
  [undefined, true],
  [{ type: 'eq', term: 's', value: 'abc' }, true],
  [{ type: 'lt', term: 'at', value: '2024-01-03T00:00:00+00:00' }, true],
  [
    { type: 'gt', term: 'at', value: '2024-01-02T01:00:00+00:00' },
    { type: 'gt', term: 'at', value: '2024-01-02T01:00:00+00:00' },
  ],
  [
    {
      type: 'and',
      left: { type: 'not-eq', term: 's', value: 'abd' },
      right: { type: 'gt', left: name('id'), right: 3 },
    },
    { type: 'gt', left: name('id'), right: 3 },
  ],
  [
    {
      type: 'or',
      left: { type: 'eq', term: 's', value: 'abc' },
      right: { type: 'gt', term: 'id', value: 3 },
    },
    true,
  ],
  [
    {
      type: 'not',
      child: {
        type: 'or',
        left: { type: 'is-null', term: 's' },
        right: { type: 'eq', term: 'id', value: 9 },
      },
    },
    { type: 'not', child: { type: 'eq', term: 'id', value: 9 } },
  ],
  [{ type: 'starts-with', term: 's', value: 'ab' }, true],
  [{ type: 'not-in', term: 's', values: ['x'] }, true],
]

test('a task has what its partition leaves of the filter, as it was written', async () => {
  for (const [filter, residual] of RESIDUALS) {
    const { files } = await server.files(table, { ...(filter !== undefined && { filter }) })
    const file = files.find(({ dataFile }) => {
      const [day, s] = dataFile.partition as unknown as readonly unknown[]
      return day === '2024-01-02' && s === 'abc'
    })
    assert.deepEqual(file?.residual, residual, JSON.stringify(filter))
  }
})

const eq = { type: 'eq', term: 'id', value: 1 }
/** Bodies, and the place that the error names. */
const WRONG: readonly (readonly [body: unknown, place: string])[] = [
  [[], 'the body'],
  ['{', 'JSON'],
  [{ 'snapshot-id': 'x' }, 'snapshot-id'],
  [{ 'snapshot-id': 1.5 }, 'snapshot-id'],
  [{ 'start-snapshot-id': 1 }, 'end-snapshot-id'],
  [{ 'end-snapshot-id': 1 }, 'start-snapshot-id'],
  [{ 'snapshot-id': 1, 'start-snapshot-id': 1, 'end-snapshot-id': 1 }, 'snapshot-id'],
  [{ select: 'id' }, 'select'],
  [{ select: ['id', 'nope'] }, 'select[1]'],
  [{ 'stats-fields': ['nope'] }, 'stats-fields[0]'],
  [{ 'min-rows-requested': -1 }, 'min-rows-requested'],
  [{ 'case-sensitive': 'yes' }, 'case-sensitive'],
  [{ 'use-snapshot-schema': 1 }, 'use-snapshot-schema'],
  [{ filter: null }, 'filter'],
  [{ filter: 'id = 1' }, 'filter'],
  [{ filter: [] }, 'filter'],
  [{ filter: {} }, 'filter.type'],
  [{ filter: { type: 'like', term: 's', value: 'a' } }, 'filter.type'],
  [{ filter: { type: 'constructor' } }, 'filter.type'],
  [{ filter: { type: 'literal', value: 1 } }, 'filter.value'],
  [{ filter: { type: 'not' } }, 'filter.child'],
  [{ filter: { type: 'not', child: eq, extra: 1 } }, 'filter.extra'],
  [{ filter: { type: 'and', left: eq } }, 'filter.right'],
  [{ filter: { type: 'or', left: eq, right: { ...eq, term: 'nope' } } }, 'filter.right.term'],
  [{ filter: { ...eq, term: 1 } }, 'filter.term'],
  [{ filter: { ...eq, term: { type: 'reference' } } }, 'filter.term.term'],
  [{ filter: { ...eq, term: { type: 'reference', id: 99 } } }, 'filter.term.id'],
  [{ filter: { ...eq, term: { type: 'column', name: 'id' } } }, 'filter.term.type'],
  [
    { filter: { ...eq, term: { type: 'transform', transform: 'week', term: 'at' } } },
    'filter.term.transform',
  ],
  [{ filter: { ...eq, term: { type: 'transform', transform: 'day', term: 'id' } } }, 'filter.term.transform'],
  [{ filter: { ...eq, value: undefined } }, 'filter'],
  [{ filter: { ...eq, value: null } }, 'filter'],
  [{ filter: { ...eq, value: 'four' } }, 'filter'],
  [{ filter: { ...eq, value: { type: 'literal', value: 1, 'data-type': 'string' } } }, 'filter'],
  [{ filter: { ...eq, left: 1 } }, 'filter.left'],
  [{ filter: { type: 'eq', left: name('point'), right: 1 } }, 'filter'],
  [{ filter: { type: 'starts-with', term: 'id', value: 1 } }, 'filter'],
  [{ filter: { type: 'starts-with', left: 'a', right: name('s') } }, 'filter.left'],
  [{ filter: { type: 'is-nan', term: 'id' } }, 'filter'],
  [{ filter: { type: 'is-null', term: 'id', value: 1 } }, 'filter.value'],
  [{ filter: { type: 'is-null', child: 5 } }, 'filter'],
  [{ filter: { type: 'is-null', child: name('id'), term: 'id' } }, 'filter.term'],
  [{ filter: { type: 'in', term: 'id' } }, 'filter.values'],
  [{ filter: { type: 'in', term: 'id', values: 1 } }, 'filter.values'],
  [{ filter: { type: 'in', term: 'id', values: [1, null] } }, 'filter.values[1]'],
  [{ filter: { type: 'in', term: 'id', values: [1, 'x'] } }, 'filter.values[1]'],
  [{ filter: { type: 'in', term: 'id', values: { type: 'literals', values: 1 } } }, 'filter.values.values'],
  [{ filter: { type: 'in', term: 'id', values: Array(10_001).fill(1) } }, 'filter'],
  [
    { filter: { type: 'eq', left: { type: 'apply', function: '', arguments: [] }, right: 1 } },
    'filter.left.function',
  ],
  [{ filter: { type: 'eq', left: { type: 'apply', function: 'f' }, right: 1 } }, 'filter.left.arguments'],
  [
    {
      filter: {
        type: 'eq',
        left: { type: 'apply', function: 'f', arguments: [{ type: 'and' }] },
        right: 1,
      },
    },
    'filter.left.arguments[0].left',
  ],
]

test('a request that is wrong is answered 400, with the place', async () => {
  for (const [body, place] of WRONG) {
    const { status, body: answer } = await server.plan(table, body)
    const message = String(answer.error?.message)
    assert.equal(status, 400, `${JSON.stringify(body)}: ${message}`)
    assert.equal(answer.error?.type, 'BadRequestException')
    assert(message.includes(place), `${message} names ${place}`)
  }
})

test('a filter that is nested very deep is refused', async () => {
  const filter = `${'{"type":"not","child":'.repeat(5000)}true${'}'.repeat(5000)}`
  assert.equal((await server.plan(table, `{"filter":${filter}}`)).status, 400)
})
