import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPassword } from '../../../src/catalog/password-file.ts'

const QUERY = { host: 'db.example', port: 5432, database: 'lake', user: 'ingot' }

test('password file: the first line that fits decides', () => {
  const text = [
    '# db.example:5432:lake:ingot:comment',
    '',
    'db.example:5433:lake:ingot:other port',
    'db.example:5432:other:ingot:other database',
    'db.example:5432:lake:other:other user',
    'db.example:*:lake:ingot:first',
    '*:*:*:*:second',
  ].join('\n')
  assert.equal(findPassword(text, QUERY), 'first')
  assert.equal(findPassword(text, { ...QUERY, user: 'nobody' }), 'second')
  assert.equal(findPassword(text.replaceAll('\n', '\r\n'), QUERY), 'first')
})

test('password file: a backslash makes the next character a part of the field', () => {
  assert.equal(findPassword('db.example:5432:lake:ingot:a\\:b\\\\c', QUERY), 'a:b\\c')
  assert.equal(findPassword('\\:\\:1:*:la\\:ke:*:p', { ...QUERY, host: '::1', database: 'la:ke' }), 'p')
  assert.equal(findPassword('*:*:*:*:p\\', QUERY), undefined)
})

test('password file: what is no line of five fields fits nobody', () => {
  for (const text of [
    '',
    ':',
    'db.example',
    '*:*:*:*',
    '*:*:*:*:',
    '::::p',
    'db.example:5432:lake:ingot\n:p',
  ]) {
    assert.equal(findPassword(text, QUERY), undefined, JSON.stringify(text))
  }
})

test('password file: a socket is on localhost', () => {
  const query = { ...QUERY, host: '/run/postgresql' }
  assert.equal(findPassword('localhost:5432:lake:ingot:p', query), 'p')
  assert.equal(findPassword('/run/postgresql:5432:lake:ingot:p', query), undefined)
})
