import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeValue, lowerBound, upperBound } from '../../../src/format/bounds.ts'
import { type Expression, mightMatch, mightMatchPartition } from '../../../src/format/expression.ts'
import { summarizeManifest } from '../../../src/format/manifest.ts'
import type { DataFile, PrimitiveValue } from '../../../src/format/manifest-types.ts'
import { applyTransform, transformResultType } from '../../../src/format/transforms.ts'
import type { PartitionSpec, PrimitiveType, Schema, Transform } from '../../../src/format/types.ts'
import { compareValues } from '../../../src/format/values.ts'

type Row = readonly (PrimitiveValue | null)[]

interface Column {
  readonly type: PrimitiveType
  readonly values: fc.Arbitrary<PrimitiveValue>
  readonly transforms: readonly Transform[]
}

/** Few values a column, so that filters hit them, at their edges, too. */
const COLUMNS: readonly Column[] = [
  {
    type: 'int',
    values: fc.integer({ min: -5, max: 5 }),
    transforms: ['identity', 'bucket[3]', 'truncate[4]', 'void'],
  },
  {
    type: 'long',
    values: fc.bigInt({ min: -5n, max: 5n }),
    transforms: ['identity', 'bucket[3]', 'truncate[4]'],
  },
  { type: 'double', values: fc.constantFrom(-1.5, -0, 0, 2, Infinity, Number.NaN), transforms: ['identity'] },
  {
    type: 'string',
    values: fc.constantFrom('', 'a', 'ab', 'abc', '\uffff', '😀', `${'x'.repeat(16)}a`, `${'x'.repeat(16)}b`),
    transforms: ['identity', 'bucket[2]', 'truncate[2]'],
  },
  {
    type: 'timestamptz',
    values: fc.constantFrom(
      -90_000_000_000n,
      -86_400_000_000n,
      -1n,
      0n,
      1n,
      86_400_000_000n,
      40_000_000_000_000n,
    ),
    transforms: ['identity', 'year', 'month', 'day', 'hour', 'bucket[3]'],
  },
  {
    type: 'date',
    values: fc.constantFrom(-366, -31, -1, 0, 1, 400),
    transforms: ['identity', 'year', 'month', 'day'],
  },
  {
    type: 'decimal(9, 2)',
    values: fc.bigInt({ min: -300n, max: 300n }),
    transforms: ['identity', 'truncate[100]', 'bucket[3]'],
  },
  { type: 'boolean', values: fc.boolean(), transforms: ['identity'] },
  {
    type: 'binary',
    values: fc.uint8Array({ maxLength: 2, max: 3 }),
    transforms: ['identity', 'truncate[1]', 'bucket[2]'],
  },
  {
    type: 'uuid',
    values: fc.constantFrom('00000000-0000-0000-0000-000000000000', 'ffffffff-0000-0000-0000-000000000000'),
    transforms: ['identity', 'bucket[2]'],
  },
]

const SCHEMA: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: COLUMNS.map(({ type }, index) => ({ id: index + 1, name: `c${index}`, required: false, type })),
}

const row: fc.Arbitrary<Row> = fc.tuple(...COLUMNS.map(({ values }) => fc.option(values, { freq: 4 })))

const TEXT_ID = 4

/** A condition on what a transform yields; values of the columns are among its results often enough. */
function transformed(fieldId: number): fc.Arbitrary<Expression> {
  const { type = 'int', values = fc.constant(0), transforms = [] } = COLUMNS[fieldId - 1] ?? {}
  const transform = fc.constantFrom(...transforms.filter(each => each !== 'void'))
  return fc.tuple(transform, values, fc.constantFrom('eq', 'not-eq', 'lt', 'gte')).map(
    ([by, value, comparison]): Expression => ({
      ...{ type: comparison, fieldId, transform: by },
      value: applyTransform(by, type, value) ?? value,
    }),
  )
}

const leaf: fc.Arbitrary<Expression> = fc.oneof(
  ...COLUMNS.map(({ values }, index): fc.Arbitrary<Expression> => {
    const fieldId = index + 1
    return fc.oneof(
      fc.record({
        type: fc.constantFrom('eq', 'not-eq', 'lt', 'lte', 'gt', 'gte'),
        fieldId: fc.constant(fieldId),
        value: values,
      }),
      fc.record({
        type: fc.constantFrom('in', 'not-in'),
        fieldId: fc.constant(fieldId),
        values: fc.array(values, { maxLength: 3 }),
      }),
      fc.record({
        type: fc.constantFrom('is-null', 'not-null', 'is-nan', 'not-nan'),
        fieldId: fc.constant(fieldId),
      }),
      fc.record({
        type: fc.constantFrom('starts-with', 'not-starts-with'),
        fieldId: fc.constant(TEXT_ID),
        value: fc.constantFrom('', 'a', 'ab', 'abc', 'x'.repeat(16), '😀'),
      }),
      transformed(fieldId),
    )
  }),
)

const expression: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>(tie => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.constantFrom<Expression>({ type: 'always-true' }, { type: 'always-false' }, { type: 'unknown' }),
    fc.record({ type: fc.constantFrom('and', 'or'), operands: fc.array(tie('any'), { maxLength: 3 }) }),
    fc.record({ type: fc.constant('not'), operand: tie('any') }),
  ),
})).any

/** What SQL says of a row: null is unknown. Written apart from the code that it checks. */
function evaluate(filter: Expression, values: Row): boolean | null {
  switch (filter.type) {
    case 'always-true':
      return true
    case 'always-false':
      return false
    // Stands for a condition that is true of rows with a number in the first column.
    case 'unknown':
      return values[0] !== null
    case 'not': {
      const inner = evaluate(filter.operand, values)
      return inner === null ? null : !inner
    }
    case 'and':
    case 'or': {
      const decisive = filter.type === 'or'
      const results = filter.operands.map(operand => evaluate(operand, values))
      if (results.includes(decisive)) return decisive
      return results.includes(null) ? null : !decisive
    }
    default:
      return evaluateLeaf(filter, values)
  }
}

function evaluateLeaf(filter: Extract<Expression, { fieldId: number }>, values: Row): boolean | null {
  const source = values[filter.fieldId - 1] ?? null
  const sourceType = COLUMNS[filter.fieldId - 1]?.type ?? 'int'
  const value = filter.transform === undefined ? source : applyTransform(filter.transform, sourceType, source)
  const type = filter.transform === undefined ? sourceType : transformResultType(filter.transform, sourceType)
  if (filter.type === 'is-null') return value === null
  if (filter.type === 'not-null') return value !== null
  if (filter.type === 'is-nan') return Number.isNaN(value)
  if (filter.type === 'not-nan') return !Number.isNaN(value)
  if (value === null) return null
  if (filter.type === 'starts-with') return String(value).startsWith(filter.value)
  if (filter.type === 'not-starts-with') return !String(value).startsWith(filter.value)
  if ('values' in filter) {
    const isIn = filter.values.some(each => compareValues(type, value, each) === 0)
    return isIn === (filter.type === 'in')
  }
  const order = compareValues(type, value, filter.value)
  const results = {
    eq: order === 0,
    'not-eq': order !== 0,
    lt: order < 0,
    lte: order <= 0,
    gt: order > 0,
    gte: order >= 0,
  }
  return results[filter.type]
}

function fileOf(rows: readonly Row[], partition: Row): DataFile {
  const ids = COLUMNS.map((_column, index) => index + 1)
  const column = (id: number): readonly (PrimitiveValue | null)[] =>
    rows.map(values => values[id - 1] ?? null)
  const extremes = (id: number, sign: number): PrimitiveValue | undefined => {
    const type = COLUMNS[id - 1]?.type ?? 'int'
    const known = column(id).filter(value => value !== null && !Number.isNaN(value)) as PrimitiveValue[]
    return known.sort((a, b) => sign * compareValues(type, a, b))[0]
  }
  const bounds = (sign: number, bound: typeof lowerBound): ReadonlyMap<number, Uint8Array> =>
    new Map(
      ids.flatMap(id => {
        const extreme = extremes(id, sign)
        const bytes = extreme === undefined ? undefined : bound(COLUMNS[id - 1]?.type ?? 'int', extreme)
        return bytes === undefined ? [] : [[id, bytes] as const]
      }),
    )
  return {
    content: 'data',
    filePath: 'p',
    fileFormat: 'PARQUET',
    partition,
    recordCount: rows.length,
    fileSizeBytes: 1,
    nullValueCounts: new Map(ids.map(id => [id, column(id).filter(value => value === null).length])),
    lowerBounds: bounds(1, lowerBound),
    upperBounds: bounds(-1, upperBound),
  }
}

test('no file with a row that matches is ruled out by its bounds', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), expression, (rows, filter) => {
      const isThere = rows.some(values => evaluate(filter, values) === true)
      if (isThere) assert(mightMatch(filter, fileOf(rows, []), SCHEMA))
    }),
    { numRuns: 3000 },
  )
})

const spec: fc.Arbitrary<PartitionSpec> = fc
  .array(
    fc
      .integer({ min: 0, max: COLUMNS.length - 1 })
      .chain(index =>
        fc.constantFrom(...(COLUMNS[index]?.transforms ?? [])).map(transform => ({ index, transform })),
      ),
    { minLength: 1, maxLength: 3 },
  )
  .map(fields => ({
    'spec-id': 0,
    fields: fields.map(({ index, transform }, place) => ({
      'source-id': index + 1,
      'field-id': 1000 + place,
      name: `p${place}`,
      transform,
    })),
  }))

function partitionOf(by: PartitionSpec, values: Row): Row {
  return by.fields.map(field => {
    const index = field['source-id'] - 1
    return applyTransform(field.transform, COLUMNS[index]?.type ?? 'int', values[index] ?? null)
  })
}

test('no partition or manifest with a row that matches is ruled out', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), spec, expression, (rows, by, filter) => {
      const matching = rows.filter(values => evaluate(filter, values) === true)
      for (const values of matching)
        assert(mightMatchPartition(filter, by, [SCHEMA], partitionOf(by, values)))
      if (matching.length === 0) return
      const { partitions } = summarizeManifest({
        entries: rows.map(values => ({
          status: 'added',
          snapshotId: 1n,
          sequenceNumber: 1,
          fileSequenceNumber: 1,
          file: fileOf([values], partitionOf(by, values)),
        })),
        spec: by,
        schemas: [SCHEMA],
        content: 'data',
        manifestPath: 'm',
        manifestLength: 1,
        snapshotId: 1n,
        sequenceNumber: 1,
      })
      assert(mightMatchPartition(filter, by, [SCHEMA], partitions))
    }),
    { numRuns: 3000 },
  )
})

const eq = (fieldId: number, value: PrimitiveValue): Expression => ({ type: 'eq', fieldId, value })

test('files are ruled out where bounds and counts say so', () => {
  const file = fileOf([[3, 3n, 2, 'ab', 0n, 0, 5n, true, Uint8Array.of(1), null]], [])
  const ruledOut: Expression[] = [
    eq(1, 4),
    { type: 'lt', fieldId: 1, value: 3 },
    { type: 'not', operand: { type: 'gte', fieldId: 1, value: 3 } },
    { type: 'gt', fieldId: 2, value: 3n },
    { type: 'in', fieldId: 4, values: ['a', 'abc'] },
    { type: 'is-null', fieldId: 4 },
    { type: 'not-null', fieldId: 10 },
    { type: 'and', operands: [eq(1, 3), eq(4, 'x')] },
    { type: 'not', operand: { type: 'or', operands: [{ type: 'not', operand: eq(4, 'x') }, eq(1, 9)] } },
    { type: 'or', operands: [] },
    { type: 'starts-with', fieldId: 4, value: 'b' },
    { type: 'not-starts-with', fieldId: 4, value: 'a' },
    { type: 'is-nan', fieldId: 1 },
  ]
  for (const filter of ruledOut)
    assert.equal(mightMatch(filter, file, SCHEMA), false, JSON.stringify(filter.type))
  assert.equal(mightMatch(eq(1, 3), { ...file, recordCount: 0 }, SCHEMA), false)
})

test('partitions are ruled out by projection', () => {
  const by = (sourceId: number, transform: Transform): PartitionSpec => ({
    'spec-id': 0,
    fields: [{ 'source-id': sourceId, 'field-id': 1000, name: 'p', transform }],
  })
  const isOut = (
    filter: Expression,
    sourceId: number,
    transform: Transform,
    value: PrimitiveValue | null,
  ): boolean => !mightMatchPartition(filter, by(sourceId, transform), [SCHEMA], [value])
  assert(isOut({ type: 'gt', fieldId: 5, value: 86_400_000_000n }, 5, 'day', 0))
  assert(isOut(eq(5, 0n), 5, 'hour', 1))
  assert(isOut(eq(4, 'abc'), 4, 'truncate[2]', 'ac'))
  assert(isOut(eq(1, 1), 1, 'bucket[1000]', (Number(applyTransform('bucket[1000]', 'int', 1)) + 1) % 1000))
  assert(isOut(eq(1, 1), 1, 'bucket[3]', null))
  assert(isOut({ type: 'not-null', fieldId: 1 }, 1, 'bucket[3]', null))
  assert(isOut({ type: 'is-null', fieldId: 1 }, 1, 'truncate[3]', 0))
  // As precisely as the filter says it, where the partition has what it takes.
  assert(isOut({ type: 'lt', fieldId: 5, value: 86_400_000_000n }, 5, 'day', 1))
  assert(isOut({ type: 'gt', fieldId: 1, value: 3 }, 1, 'truncate[4]', 0))
  assert(isOut({ type: 'not-eq', fieldId: 4, value: 'a' }, 4, 'identity', 'a'))
  assert(isOut({ type: 'not-in', fieldId: 1, values: [1, 2] }, 1, 'identity', 2))
  assert(isOut({ type: 'not-nan', fieldId: 3 }, 3, 'identity', Number.NaN))
  assert(isOut({ type: 'starts-with', fieldId: 4, value: 'abc' }, 4, 'truncate[2]', 'ac'))
  assert(isOut({ type: 'not-starts-with', fieldId: 4, value: 'ab' }, 4, 'truncate[2]', 'ab'))
  assert(isOut({ type: 'not-starts-with', fieldId: 4, value: 'a' }, 4, 'truncate[2]', 'ab'))
  assert(!isOut({ type: 'not-starts-with', fieldId: 4, value: 'abc' }, 4, 'truncate[2]', 'ab'))
  assert(isOut({ type: 'eq', fieldId: 1, transform: 'bucket[3]', value: 1 }, 1, 'bucket[3]', 2))
  assert(!isOut({ type: 'eq', fieldId: 1, transform: 'bucket[4]', value: 1 }, 1, 'bucket[3]', 2))
  assert(!isOut(eq(1, 1), 1, 'void', null))
  assert(!isOut(eq(5, -1n), 5, 'day', 0), 'early versions rounded times before 1970 up')
})

test('unreadable and reversed bounds rule nothing out', () => {
  const file = fileOf([[3, 3n, 2, 'ab', 0n, 0, 5n, true, Uint8Array.of(1), null]], [])
  const odd = (lower: Uint8Array, upper: Uint8Array): DataFile => ({
    ...file,
    lowerBounds: new Map([[1, lower]]),
    upperBounds: new Map([[1, upper]]),
  })
  assert(mightMatch(eq(1, 7), odd(new Uint8Array(3), new Uint8Array(0)), SCHEMA))
  assert(mightMatch(eq(1, 7), odd(encodeValue('int', 9), encodeValue('int', 8)), SCHEMA))
  assert(mightMatch(eq(99, 7), file, SCHEMA), 'a column that is not known')
})
