import assert from 'node:assert/strict'
import { test } from 'node:test'
import { footerLength, type ParquetField, parseParquetSchema } from '../../../src/format/parquet-schema.ts'

// Thrift's compact form, by hand: a field's header has the distance to the last id and the type.
const I32 = 5
const BINARY = 8
const LIST = 9
const STRUCT = 12

type Element = Readonly<Record<number, number | string>>

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}

function element(fields: Element, logicalType: readonly number[] = []): number[] {
  const bytes: number[] = []
  let last = 0
  for (const [text, value] of Object.entries(fields)) {
    const id = Number(text)
    bytes.push(((id - last) << 4) | (typeof value === 'string' ? BINARY : I32))
    if (typeof value === 'string') bytes.push(...varint(Buffer.byteLength(value)), ...Buffer.from(value))
    else bytes.push(...varint(value * 2))
    last = id
  }
  return [...bytes, ...logicalType, 0]
}

/** A footer: its version, the schema, and a row group that nobody reads. */
function footer(...elements: readonly number[][]): Uint8Array {
  return Uint8Array.from([
    ...[(1 << 4) | I32, 2],
    ...[(1 << 4) | LIST, 0xf0 | STRUCT, ...varint(elements.length), ...elements.flat()],
    ...[0xff, 0xff],
  ])
}

const [TYPE, REPETITION, NAME, CHILDREN, CONVERTED, FIELD_ID] = [1, 3, 4, 5, 6, 9]
const [INT32, BYTE_ARRAY] = [1, 6]
const [OPTIONAL, REPEATED] = [1, 2]
const [UTF8, MAP, LIST_OF] = [0, 1, 3]
const root = (children: number): number[] => element({ [NAME]: 'schema', [CHILDREN]: children })
const int = (name: string, id?: number): number[] =>
  element({
    [TYPE]: INT32,
    [REPETITION]: OPTIONAL,
    [NAME]: name,
    ...(id === undefined ? {} : { [FIELD_ID]: id }),
  })
const group = (name: string, children: number, converted?: number, repetition = OPTIONAL): number[] =>
  element({
    [REPETITION]: repetition,
    [NAME]: name,
    [CHILDREN]: children,
    ...(converted === undefined ? {} : { [CONVERTED]: converted }),
  })

function field(name: string, kind: ParquetField['kind'], ...children: ParquetField[]): ParquetField {
  return { name, kind, children }
}

test('fields come with their names, ids and nesting, and what follows the schema is left', () => {
  const long = 'ü'.repeat(200)
  const columns = parseParquetSchema(
    footer(
      root(3),
      element({ [TYPE]: INT32, [REPETITION]: OPTIONAL, [NAME]: 'a', [FIELD_ID]: 2_147_483_540 }),
      group('s', 2),
      element({ [TYPE]: BYTE_ARRAY, [NAME]: 'bytes' }),
      element({ [TYPE]: BYTE_ARRAY, [NAME]: 'text', [CONVERTED]: UTF8 }),
      // logicalType, a union: STRING. The id is that of a text beside it.
      element({ [TYPE]: BYTE_ARRAY, [NAME]: long }, [(6 << 4) | STRUCT, (1 << 4) | STRUCT, 0, 0]),
    ),
  )
  assert.deepEqual(columns, [
    { name: 'a', kind: 'primitive', children: [], fieldId: 2_147_483_540 },
    field('s', 'struct', field('bytes', 'bytes'), field('text', 'primitive')),
    field(long, 'primitive'),
  ])
})

test('lists and maps of all writers are lists and maps', () => {
  const element3 = [group('three', 1, LIST_OF), group('list', 1, undefined, REPEATED), int('item', 7)]
  const element2 = [
    group('two', 1, LIST_OF),
    element({ [TYPE]: INT32, [REPETITION]: REPEATED, [NAME]: 'array' }),
  ]
  const structs = [group('structs', 1, LIST_OF), group('array', 2, undefined, REPEATED), int('x'), int('y')]
  const bare = [element({ [TYPE]: INT32, [REPETITION]: REPEATED, [NAME]: 'bare' })]
  const map = [group('map', 1, MAP), group('entries', 2, undefined, REPEATED), int('k', 8), int('v', 9)]
  assert.deepEqual(
    parseParquetSchema(footer(root(5), ...element3, ...element2, ...structs, ...bare, ...map)),
    [
      field('three', 'list', { ...field('element', 'primitive'), fieldId: 7 }),
      field('two', 'list', field('element', 'primitive')),
      field('structs', 'list', field('element', 'struct', field('x', 'primitive'), field('y', 'primitive'))),
      field('bare', 'list', field('element', 'primitive')),
      field(
        'map',
        'map',
        { ...field('key', 'primitive'), fieldId: 8 },
        { ...field('value', 'primitive'), fieldId: 9 },
      ),
    ],
  )
})

test('damaged footers are told from good ones', () => {
  const good = footer(root(1), int('a'))
  const end = (length: number, magic = 'PAR1'): Buffer => {
    const bytes = Buffer.from(`\0\0\0\0${magic}`)
    bytes.writeUInt32LE(length)
    return bytes
  }
  assert.equal(footerLength(Buffer.concat([good, end(good.length)])), good.length)
  for (const bytes of [end(3, 'PARE'), Buffer.from('PAR1'), new Uint8Array(0)]) {
    assert.throws(() => footerLength(bytes), RangeError)
  }
  assert.ok(parseParquetSchema(good))
  const schemaEnd = good.length - 2
  for (let length = 0; length < schemaEnd; length += 1) {
    assert.throws(() => parseParquetSchema(good.subarray(0, length)), RangeError, `${length} bytes`)
  }
  const deep = Array.from({ length: 1000 }, () => group('g', 1))
  assert.throws(() => parseParquetSchema(footer(root(1), ...deep, int('a'))), /levels deep/)
  assert.throws(() => parseParquetSchema(footer(root(2), int('a'))), /ends before its last field/)
  // Lists in lists without end, before the schema.
  const lists = Uint8Array.from([(3 << 4) | LIST, ...Array.from({ length: 5000 }, () => (1 << 4) | LIST)])
  assert.throws(() => parseParquetSchema(lists), /levels deep/)
})
