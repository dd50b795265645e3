import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatNumber, formatTable } from '../../../src/cli/text-table.ts'

const lines = (text: string): readonly string[] => text.split('\n')

test('numbers stand to the right with thousands separated, text to the left', () => {
  const table = formatTable(
    [
      { name: 'airport', type: 'VARCHAR' },
      { name: 'flights', type: 'BIGINT' },
      { name: 'mean', type: 'DOUBLE' },
    ],
    [
      ['ORD', 1234567n, 1.5],
      ['O', 7, 1234.56789],
    ],
  )
  assert.deepEqual(lines(table), [
    'airport    flights       mean',
    '───────  ─────────  ─────────',
    'ORD      1,234,567      1.500',
    'O                7  1,234.568',
  ])
})

test('null is a dot, and an empty result has its header', () => {
  assert.deepEqual(lines(formatTable([{ name: 'n', type: 'INTEGER' }], [[null]])), ['n', '─', '·'])
  assert.deepEqual(lines(formatTable([{ name: 'n', type: 'INTEGER' }], [])), ['n', '─'])
})

test('wide characters take two columns and marks none', () => {
  const table = formatTable(
    [
      { name: 'city', type: 'VARCHAR' },
      { name: 'n', type: 'INTEGER' },
    ],
    [
      ['東京', 1],
      ['Zürich', 2],
      ['Zu\u0308rich', 3],
      ['🚲', 4],
    ],
  )
  assert.deepEqual(lines(table), [
    'city    n',
    '──────  ─',
    '東京    1',
    'Zürich  2',
    'Zu\u0308rich  3',
    '🚲      4',
  ])
})

test('control characters cannot move the cursor', () => {
  const table = formatTable(
    [{ name: 'te\u001b[2Jxt', type: 'VARCHAR' }],
    [['a\nb\tc'], ['\u001b[31mred'], ['\u009b2J'], ['\u0007\u007f']],
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(table.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/)
  assert.match(table, /a\\nb\\tc/)
  assert.match(table, /\\u001b\[31mred/)
  assert.equal(lines(table).length, 6)
})

test('a cell that is too long is cut, by the columns that it takes', () => {
  const cut = (text: string): string =>
    lines(formatTable([{ name: 't', type: 'VARCHAR' }], [[text]], { cellWidthMax: 6 }))[2] ?? ''
  assert.equal(cut('abcdef'), 'abcdef')
  assert.equal(cut('abcdefg'), 'abcde…')
  assert.equal(cut('東京都庁'), '東京…')
})

test('every kind of value has a text', () => {
  const row = lines(
    formatTable(
      ['BOOLEAN', 'BLOB', 'STRUCT(a BIGINT)', 'DOUBLE', 'DECIMAL(9,2)'].map(type => ({ name: 'c', type })),
      [[true, Uint8Array.of(1, 255), { a: 7n }, Number.NaN, '12345.60']],
    ),
  )[2]
  assert.equal(row, 'true  01ff  {"a":"7"}  NaN  12345.60')
})

test('figures', () => {
  assert.equal(formatNumber(1234567.891, 2), '1,234,567.89')
  assert.equal(formatNumber(-1234), '-1,234')
  assert.equal(formatNumber(-123), '-123')
  assert.equal(formatNumber(12345678901234567890n), '12,345,678,901,234,567,890')
  assert.equal(formatBytes(0), '0 B')
  assert.equal(formatBytes(1023), '1,023 B')
  assert.equal(formatBytes(1536), '1.5 KiB')
  assert.equal(formatBytes(5 * 1024 ** 4), '5.0 TiB')
})
