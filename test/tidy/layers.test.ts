import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/** Modules in src/ itself that anyone may import; they import nothing but each other. */
const LEAVES = [
  'clock.ts',
  'config.ts',
  'did-you-mean.ts',
  'errors.ts',
  'json.ts',
  'random.ts',
  'sql-text.ts',
  'table-identifier.ts',
]

/** Folders from the bottom up; those in one row are siblings, and never import one another. */
const LAYERS: readonly (readonly string[])[] = [
  ['telemetry'],
  ['format'],
  ['storage'],
  ['catalog'],
  ['access'],
  ['log'],
  ['table'],
  ['engine'],
  ['lake'],
  ['ingest', 'pipeline', 'maintenance', 'copy', 'warehouse', 'scaling', 'ml'],
  ['server'],
  ['platform.ts'],
  ['roles'],
  ['cli', 'index.ts'],
]

/** Packages that more than one file imports, and the only folders that may; zod parses input at every edge. */
const SHARED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@duckdb/node-api': ['engine'],
  hono: ['server'],
  kysely: ['catalog'],
  zod: ['config.ts', 'catalog', 'server', 'ingest', 'format'],
}

const LINES_MAX = 600
const SRC = resolve('src')
const IMPORT =
  /^\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => ({ name, text: readFileSync(join(SRC, name), 'utf8') }))

const partOf = (name: string): string => name.split('/')[0] ?? ''
const layerOf = (part: string): number => LAYERS.findIndex(row => row.includes(part))

function importsOf(text: string): readonly string[] {
  return [...text.matchAll(IMPORT)].map(match => match[1] ?? match[2] ?? match[3] ?? '')
}

/** What is wrong with `from` importing `to`, both relative to src/. */
function violationOf(from: string, to: string): string | undefined {
  const [fromPart, toPart] = [partOf(from), partOf(to)]
  if (fromPart === toPart || LEAVES.includes(toPart)) return undefined
  if (LEAVES.includes(fromPart)) return `${from} is a leaf and imports ${to}`
  const isDown = layerOf(toPart) >= 0 && layerOf(toPart) < layerOf(fromPart)
  return isDown ? undefined : `${from} imports ${to}`
}

test('every source file has a layer and imports only downwards', () => {
  assert.ok(files.length > 20, `only ${files.length} source files were read`)
  const violations = files.flatMap(({ name, text }) => {
    const part = partOf(name)
    if (!LEAVES.includes(part) && layerOf(part) < 0) return [`${name} is in no layer`]
    return importsOf(text)
      .filter(target => target.startsWith('.'))
      .flatMap(target => violationOf(name, relative(SRC, resolve(SRC, dirname(name), target))) ?? [])
  })
  assert.deepEqual(violations, [])
})

test('the rule itself tells a wrong import from a right one', () => {
  assert.equal(violationOf('lake/a.ts', 'table/b.ts'), undefined)
  assert.equal(violationOf('format/a.ts', 'errors.ts'), undefined)
  assert.equal(violationOf('table/a.ts', 'lake/b.ts'), 'table/a.ts imports lake/b.ts')
  assert.equal(violationOf('ingest/a.ts', 'pipeline/b.ts'), 'ingest/a.ts imports pipeline/b.ts')
  assert.equal(violationOf('errors.ts', 'format/b.ts'), 'errors.ts is a leaf and imports format/b.ts')
  assert.deepEqual(importsOf(`import { a } from './a.ts'\nexport * from "x"\nawait import('y')`), [
    './a.ts',
    'x',
    'y',
  ])
})

test('a third-party package is imported in the one file, or for a few packages the one folder, that wraps it', () => {
  const importers = new Map<string, Set<string>>()
  for (const { name, text } of files) {
    for (const target of importsOf(text)) {
      if (target.startsWith('.') || target.startsWith('node:')) continue
      const packageName = target.split('/', target.startsWith('@') ? 2 : 1).join('/')
      importers.set(packageName, (importers.get(packageName) ?? new Set()).add(name))
    }
  }
  assert.ok(importers.has('esbuild') && importers.has('hono'), 'no import of a package was read')
  const violations = [...importers].filter(([packageName, names]) => {
    const folders = SHARED_PACKAGES[packageName]
    return folders ? [...names].some(name => !folders.includes(partOf(name))) : names.size > 1
  })
  assert.deepEqual(violations, [])
})

/** Modules of Node that reach outside of the process, or keep time. */
const OUTSIDE =
  /^node:(fs|net|tls|https?|http2|dgram|dns|child_process|worker_threads|os|timers|process|perf_hooks)\b/

test('format is pure: it imports nothing that reaches outside', () => {
  const impure = files.filter(
    ({ name, text }) => partOf(name) === 'format' && importsOf(text).some(target => OUTSIDE.test(target)),
  )
  assert.deepEqual(
    impure.map(({ name }) => name),
    [],
  )
})

test(`no source file is longer than ${LINES_MAX} lines, nor exports a default`, () => {
  const long = files.filter(({ text }) => text.split('\n').length > LINES_MAX)
  assert.deepEqual(
    long.map(({ name }) => name),
    [],
  )
  assert.deepEqual(
    files.filter(({ text }) => /^export default /m.test(text)).map(({ name }) => name),
    [],
  )
})
