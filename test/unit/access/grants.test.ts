import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allows, formatSecurable, grantsOf, showsNamespace, showsTable } from '../../../src/access/grants.ts'
import type { Grant, Privilege, Securable } from '../../../src/catalog/access-store.ts'

const on = (path: string): Securable => {
  const parts = path.split('.').filter(part => part !== '')
  const name = parts.at(-1)
  return name === '*' || name === undefined
    ? { namespace: parts.slice(0, -1) }
    : { namespace: parts.slice(0, -1), name }
}

const grant = (privilege: Privilege, path: string, role = 'analyst'): Grant => ({
  role,
  privilege,
  on: on(path),
})

test('what no grant names is denied', () => {
  assert.equal(allows([], 'read', on('silver.orders')), false)
  assert.equal(allows([grant('read', 'silver.orders')], 'read', on('silver.customers')), false)
  assert.equal(allows([grant('read', 'silver.orders')], 'read', on('gold.orders')), false)
  assert.equal(allows([grant('manage', 'silver.orders')], 'read', on('silver.*')), false)
})

test('a privilege includes those before it and none after it', () => {
  const cases: readonly [Privilege, Privilege, boolean][] = [
    ['read', 'read', true],
    ['read', 'write', false],
    ['read', 'manage', false],
    ['write', 'read', true],
    ['write', 'write', true],
    ['write', 'manage', false],
    ['manage', 'read', true],
    ['manage', 'write', true],
    ['manage', 'manage', true],
  ]
  for (const [granted, wanted, expected] of cases) {
    assert.equal(
      allows([grant(granted, 'silver.orders')], wanted, on('silver.orders')),
      expected,
      `${granted} for ${wanted}`,
    )
  }
})

test('a grant on a namespace covers what is in it at any depth, and nothing around it', () => {
  const grants = [grant('write', 'eu.silver.*')]
  assert.equal(allows(grants, 'read', on('eu.silver.orders')), true)
  assert.equal(allows(grants, 'write', on('eu.silver.daily.orders')), true)
  assert.equal(allows(grants, 'write', on('eu.silver.*')), true)
  assert.equal(allows(grants, 'read', on('eu.orders')), false)
  assert.equal(allows(grants, 'read', on('eu.silvery.orders')), false)
  assert.equal(allows(grants, 'read', on('eu.*')), false)
  assert.equal(allows([grant('read', '*')], 'read', on('anything.at.all')), true)
})

test('a table grant is for the table of just that namespace', () => {
  const grants = [grant('read', 'silver.orders')]
  assert.equal(allows(grants, 'read', on('silver.daily.orders')), false)
  assert.equal(allows(grants, 'read', { namespace: [], name: 'orders' }), false)
})

test('a role counts only for those who hold it; admin may do everything', () => {
  const grants = [grant('read', 'silver.*'), grant('manage', 'gold.*', 'owner')]
  assert.deepEqual(grantsOf(['analyst'], grants), [grants[0]])
  assert.deepEqual(grantsOf([], grants), [])
  assert.equal(allows(grantsOf(['admin'], []), 'manage', { namespace: [] }), true)
})

test('lists show the way to what is granted', () => {
  const grants = [grant('read', 'eu.silver.orders')]
  assert.equal(showsNamespace(grants, ['eu']), true)
  assert.equal(showsNamespace(grants, ['eu', 'silver']), true)
  assert.equal(showsNamespace(grants, ['eu', 'silver', 'daily']), false)
  assert.equal(showsNamespace(grants, ['us']), false)
  assert.equal(showsNamespace([grant('read', 'eu.*')], ['eu', 'silver', 'daily']), true)
  assert.equal(showsTable(grants, { namespace: ['eu', 'silver'], name: 'orders' }), true)
  assert.equal(showsTable(grants, { namespace: ['eu', 'silver'], name: 'other' }), false)
})

test('texts tell a namespace from a table of that name', () => {
  const table = grant('read', 'silver.orders')
  const namespace = grant('read', 'silver.orders.*')
  assert.equal(formatSecurable(table.on), 'silver.orders')
  assert.equal(formatSecurable(namespace.on), 'silver.orders.*')
  assert.equal(formatSecurable({ namespace: [] }), '*')
})
