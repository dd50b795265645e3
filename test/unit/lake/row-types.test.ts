// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are the code of projects
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { generateTypes, TYPES_FILE, typeScriptType } from '../../../src/lake/generate-types.ts'
import { checkFiles, READINGS, startEngine, type TestEngine } from './lake-project.ts'

const LAKE = `${READINGS}
export const clean = silver('readings', { query: sql\`select vehicle, speed_kmh, _position from \${readings}\`, description: 'Clean.' })
export const mapped = gold('mapped', {
  from: clean, version: 1,
  map: row => [{ vehicle: row.vehicle, position: row._position, at: new Date(0) }],
  columns: { vehicle: t.string(), position: t.long(), at: t.timestamp(), pairs: t.map(t.string(), t.int()) },
})
`

const USES = `import type { Row } from 'ingot'
import { readings, clean, mapped } from './lake.js'
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isTrue = <T extends true>(): T | undefined => undefined
isTrue<Equal<Row<typeof readings>['vehicle'], string | null>>()
isTrue<Equal<Row<typeof readings>['_position'], bigint>>()
isTrue<Equal<Row<typeof readings>['_rescued'], string | null>>()
isTrue<Equal<Row<typeof clean>['speed_kmh'], number | null>>()
isTrue<Equal<Row<'silver.readings'>, Row<typeof clean>>>()
isTrue<Equal<Row<typeof mapped>['position'], bigint | null>>()
isTrue<Equal<Row<typeof mapped>['pairs'], readonly (readonly [string, number | null])[] | null>>()
isTrue<Equal<keyof Row<'gold.mapped'>, 'vehicle' | 'position' | 'at' | 'pairs'>>()
`

/** What must not compile, each in a file of its own: the errors of tsc name the file. */
const WRONG: Readonly<Record<string, readonly [code: string, error: RegExp]>> = {
  'renamed-column': [
    `import type { Row } from 'ingot'\nexport const speed = (row: Row<'silver.readings'>) => row.speed\n`,
    /TS2339|TS2551/,
  ],
  'no-such-table': [`import type { Row } from 'ingot'\nexport type R = Row<'silver.nothing'>\n`, /TS2344/],
  'map-reads-unknown-column': [
    `import { gold, t } from 'ingot'\nimport { clean } from './lake.js'\nexport const m = gold('m', { from: clean, version: 1, map: row => [{ a: row.nothing }], columns: { a: t.string() } })\n`,
    /TS2339|TS2769/,
  ],
  'map-returns-wrong-type': [
    `import { gold, t } from 'ingot'\nimport { clean } from './lake.js'\nexport const m = gold('m', { from: clean, version: 1, map: row => [{ a: row.speed_kmh }], columns: { a: t.string() } })\n`,
    /TS2769|TS2322/,
  ],
  'map-without-version': [
    `import { gold, t } from 'ingot'\nimport { clean } from './lake.js'\nexport const m = gold('m', { from: clean, map: () => [], columns: { a: t.string() } })\n`,
    /TS2769|TS2345/,
  ],
  'raw-text-as-query': [
    `import { gold } from 'ingot'\nexport const m = gold('m', { query: 'select 1' })\n`,
    /TS2769|TS2322/,
  ],
  'interpolated-object': [
    "import { sql } from 'ingot'\nexport const s = sql`select ${{ a: 1 }}`\n",
    /TS2353/,
  ],
}

/** What `tsc` prints about the project in `folder`. */
async function compile(folder: string): Promise<string> {
  const child = spawn(resolve('node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], { cwd: folder })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += String(chunk)))
  await new Promise((done, fail) => child.on('close', done).on('error', fail))
  return output
}

/** A project folder whose `ingot` is this package, from its sources. */
async function writeProject(folder: string, types: string): Promise<void> {
  const packageFolder = join(folder, 'node_modules', 'ingot')
  await mkdir(packageFolder, { recursive: true })
  await cp(resolve('src'), join(packageFolder, 'src'), { recursive: true })
  await writeFile(
    join(packageFolder, 'package.json'),
    JSON.stringify({ name: 'ingot', type: 'module', exports: './src/index.ts' }),
  )
  await symlink(resolve('node_modules', '@types'), join(folder, 'node_modules', '@types'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    allowImportingTsExtensions: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  await writeFile(join(folder, TYPES_FILE), types)
  await writeFile(join(folder, 'lake.ts'), LAKE)
  await writeFile(join(folder, 'uses.ts'), USES)
  for (const [name, [code]] of Object.entries(WRONG)) await writeFile(join(folder, `${name}.ts`), code)
}

describe('row types', () => {
  let folder: string
  let started: TestEngine
  let types: string
  let output: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ingot-types-'))
    started = await startEngine()
    types = generateTypes(await checkFiles(LAKE, started.engine))
    await writeProject(folder, types)
    output = await compile(folder)
  })
  after(async () => {
    await started[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const errorsIn = (file: string): string =>
    output
      .split('\n')
      .filter(line => line.startsWith(`${file}.ts(`))
      .join('\n')

  test('the generated text', async () => {
    assert.equal(types, await readFile(join(folder, TYPES_FILE), 'utf8'))
    assert.match(types, /declare module 'ingot' \{\n {2}interface LakeRows \{/)
    assert.match(
      types,
      /\/\*\* Clean\. \*\/\n {4}"silver\.readings": \{\n {6}readonly vehicle: string \| null\n/,
    )
    assert.match(
      types,
      /"bronze\.readings": \{[^}]*readonly _source: string\n[^}]*readonly _rescued: string \| null\n/,
    )
  })

  test('rows have the types that the engine gives, for a declaration and by name', () => {
    assert.equal(errorsIn('uses') + errorsIn('lake'), '', output)
  })

  for (const [name, [, error]] of Object.entries(WRONG)) {
    test(`tsc refuses: ${name}`, () => assert.match(errorsIn(name), error, output))
  }
})

test('every Iceberg type has a TypeScript type', () => {
  const nested = {
    type: 'struct',
    fields: [
      { id: 0, name: 'a b', required: false, type: 'decimal(9, 2)' },
      {
        id: 0,
        name: 'l',
        required: false,
        type: { type: 'list', 'element-id': 0, element: 'long', 'element-required': false },
      },
    ],
  } as const
  assert.equal(
    typeScriptType(nested),
    '{ readonly "a b": string | null; readonly l: readonly (bigint | null)[] | null }',
  )
  assert.deepEqual(
    (
      [
        'boolean',
        'int',
        'long',
        'float',
        'double',
        'date',
        'time',
        'timestamp',
        'timestamptz',
        'string',
        'uuid',
        'binary',
        'fixed[4]',
      ] as const
    ).map(typeScriptType),
    [
      'boolean',
      'number',
      'bigint',
      'number',
      'number',
      'string',
      'string',
      'string',
      'string',
      'string',
      'string',
      'Uint8Array',
      'Uint8Array',
    ],
  )
})
