import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const TESTS = resolve('test')

/** At the start of a line: outside of every suite and test. */
const ROOT_HOOK = /^(beforeEach|afterEach)\(/m

/** A removal of the folder around something: of the checkout's own surroundings, when that something is empty. */
const REMOVES_OUTSIDE = /\brm(Sync)?\([^\n]*['"`/]\.\.['"`/]/

const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => ({ name, text: readFileSync(join(TESTS, name), 'utf8') }))

const namesOf = (pattern: RegExp): readonly string[] =>
  files.filter(({ text }) => pattern.test(text)).map(({ name }) => name)

test('no hook runs around the tests of other files: all share one process, and so one root suite', () => {
  assert.ok(files.length > 50, `only ${files.length} files were read`)
  assert.deepEqual(namesOf(ROOT_HOOK), [])
})

test('no test removes a folder by way of `..`', () => {
  assert.deepEqual(namesOf(REMOVES_OUTSIDE), [])
})

test('the rules themselves tell what is wrong', () => {
  const hook = ['afterEach', '(() => undefined)'].join('')
  assert.ok(ROOT_HOOK.test(`\n${hook}`))
  assert.ok(!ROOT_HOOK.test(`  ${hook}`))
  const up = "'..'"
  assert.ok(REMOVES_OUTSIDE.test(`rm(join(parent, ${up}), { recursive: true })`))
  assert.ok(!REMOVES_OUTSIDE.test('rm(folder, { recursive: true })'))
})
