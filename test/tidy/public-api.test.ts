import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as ingot from '../../src/index.ts'

/** What a project can import from 'ingot'. A change here is a decision about the public interface. */
const VALUES = ['ERROR_CODES', 'IngotError', 'bronze', 'files', 'gold', 'isIngotError', 'silver', 'sql', 't']

const TYPES = [
  'BronzeDeclaration',
  'BronzeOptions',
  'BronzeSystemColumns',
  'CheckOption',
  'ColumnType',
  'ColumnTypes',
  'ErrorCode',
  'FilesOptions',
  'LakeRows',
  'MapDeclaration',
  'MapOptions',
  'QueryDeclaration',
  'QueryOptions',
  'Row',
  'RowOf',
  'RowValue',
  'SqlFragment',
  'SqlValue',
  'TableDeclaration',
  'TypedTable',
  'UntypedRow',
]

const read = (name: string): string => readFileSync(`src/${name}`, 'utf8')

/** The names that a barrel gives, stars followed into their files. */
function exportedNames(barrel: string): readonly string[] {
  const listed = [...barrel.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map(name => name.replace(/^\s*type /, '').trim()),
  )
  const starred = [...barrel.matchAll(/^export (?:type )?\* from '\.\/(.+)'/gm)].flatMap(([, file = '']) =>
    [...read(file).matchAll(/^export (?:interface|type|const|function|class) (\w+)/gm)].map(
      ([, name = '']) => name,
    ),
  )
  return [...listed, ...starred].filter(name => name !== '').sort()
}

test('the values that ingot exports', () => {
  assert.deepEqual(Object.keys(ingot).sort(), VALUES)
})

test('the names that ingot exports, types included', () => {
  assert.deepEqual(exportedNames(read('index.ts')), [...VALUES, ...TYPES].sort())
})
