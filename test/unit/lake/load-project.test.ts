import assert from 'node:assert/strict'
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isIngotError } from '../../../src/errors.ts'
import { loadProject } from '../../../src/lake/load-project.ts'
import { loadFiles, mistakesOf, withFolder } from './lake-project.ts'

const IMPORT = "import { bronze, files, silver, sql, t } from 'ingot'\n"
const READINGS = "export const readings = bronze('readings', { from: files('x') })\n"

describe('loadProject', () => {
  test('finds each exported table once, in the order of the code, without node_modules', async () => {
    const project = await loadFiles({
      'lake.ts': `${IMPORT}export * from './tables/b.ts'
export { b as again } from './tables/b.ts'
const hidden = bronze('hidden', { from: files('x') })
export const z = silver('z', { query: sql\`select 1 as one\` })
export const a = silver('a', { query: sql\`select 1 as one\` })
export const notATable: number = hidden.name.length
`,
      'tables/b.ts': `${IMPORT}export const b = bronze('b', { from: files('x') })\n`,
    })
    assert.deepEqual(
      project.tables.map(({ declaration, site }) => [declaration.id, site.file, site.line]),
      [
        ['silver.z', 'lake.ts', 5],
        ['silver.a', 'lake.ts', 6],
        ['bronze.b', 'tables/b.ts', 2],
      ],
    )
  })

  test('names the bundle after its content, so that a changed project is a new module', async () => {
    await withFolder({ 'lake.ts': IMPORT + READINGS }, async projectFolder => {
      const cacheFolder = join(projectFolder, 'cache')
      const first = await loadProject({ projectFolder, cacheFolder })
      const same = await loadProject({ projectFolder, cacheFolder })
      await writeFile(join(projectFolder, 'lake.ts'), IMPORT + READINGS.replace("'readings'", "'others'"))
      const changed = await loadProject({ projectFolder, cacheFolder })
      assert.equal(same.modulePath, first.modulePath)
      assert.notEqual(changed.modulePath, first.modulePath)
      assert.equal(changed.tables[0]?.declaration.id, 'bronze.others')
      assert.match(
        await readFile(changed.modulePath, 'utf8'),
        /sourceMappingURL=lake-[0-9a-f]{16}\.mjs\.map\n$/,
      )
      assert.ok((await readdir(cacheFolder)).every(name => !name.endsWith('.draft')))
    })
  })

  test('the module has the map function under the export’s name', async () => {
    const code = `${IMPORT}${READINGS}export const m = silver('other', {
  from: readings, map: row => [{ a: row.payload }], version: 1, columns: { a: t.string() },
})\n`
    await withFolder({ 'lake.ts': code }, async projectFolder => {
      const { modulePath } = await loadProject({ projectFolder, cacheFolder: join(projectFolder, 'cache') })
      const { m } = (await import(pathToFileURL(modulePath).href)) as {
        m: { map: (row: unknown) => unknown }
      }
      assert.deepEqual(m.map({ payload: 'x' }), [{ a: 'x' }])
    })
  })
})

describe('the places of a loaded project', () => {
  test('keeps import.meta.url that of each file, and sites on its first line right', async () => {
    const code =
      "import { bronze, files } from 'ingot'; export const r = bronze('r', { from: files('x'), description: import.meta.url })\n"
    await withFolder(
      {
        'lake.ts': code,
        'deep/er.ts': 'export const url = import.meta.url\nexport const folder = import.meta.dirname\n',
      },
      async projectFolder => {
        await writeFile(
          join(projectFolder, 'both.ts'),
          "export * from './lake.ts'\nexport { folder, url } from './deep/er.ts'\n",
        )
        const cacheFolder = join(projectFolder, 'cache')
        const project = await loadProject({ projectFolder, entry: 'both.ts', cacheFolder })
        const [table] = project.tables
        assert.equal(table?.declaration.description, pathToFileURL(join(projectFolder, 'lake.ts')).href)
        assert.deepEqual(table?.site, { file: 'lake.ts', line: 1, column: code.indexOf('bronze(') + 1 })
        const { url, folder } = (await import(pathToFileURL(project.modulePath).href)) as Record<
          string,
          string
        >
        assert.equal(url, pathToFileURL(join(projectFolder, 'deep/er.ts')).href)
        assert.equal(folder, join(projectFolder, 'deep'))
      },
    )
  })

  test('sites are right in a folder that is reached by a symbolic link', async () => {
    await withFolder({ 'real/lake.ts': IMPORT + READINGS }, async folder => {
      await symlink(join(folder, 'real'), join(folder, 'link'))
      const projectFolder = join(folder, 'link')
      const { tables } = await loadProject({ projectFolder, cacheFolder: join(projectFolder, 'cache') })
      assert.deepEqual(tables[0]?.site, { file: 'lake.ts', line: 2, column: 25 })
    })
  })

  test('a declaration is frozen', async () => {
    const { tables } = await loadFiles(IMPORT + READINGS)
    assert.ok(Object.isFrozen(tables[0]?.declaration))
  })

  test('a folder without lake.ts, or no folder, says what to do and makes nothing', async () => {
    await withFolder({ 'other.ts': '' }, async folder => {
      for (const projectFolder of [folder, join(folder, 'nothing')]) {
        await assert.rejects(
          loadProject({ projectFolder, cacheFolder: join(projectFolder, 'cache') }),
          error => {
            assert.ok(isIngotError(error, 'DECLARATION_INVALID'))
            assert.equal(error.message, `there is no lake.ts in ${projectFolder}`)
            assert.match(error.hint ?? '', /ingot init/)
            return true
          },
        )
      }
      assert.deepEqual(await readdir(folder), ['other.ts'])
    })
  })
})

interface Fault {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly at: readonly [file: string, line: number, column: number]
  readonly cause: RegExp
  readonly fix: RegExp
}

const FAULTS: readonly Fault[] = [
  {
    name: 'a syntax error',
    files: { 'lake.ts': `${IMPORT}export const a = = 1\n` },
    at: ['lake.ts', 2, 18],
    cause: /unexpected "="/,
    fix: /mend the TypeScript/,
  },
  {
    name: 'an import of a file that is not there',
    files: { 'lake.ts': `${IMPORT}import { x } from './nothing.ts'\nexport const y = x\n` },
    at: ['lake.ts', 2, 19],
    cause: /could not resolve "\.\/nothing\.ts"/,
    fix: /check the path/,
  },
  {
    name: 'an import that ingot has not',
    files: { 'lake.ts': `import {\n  bronze,\n  kafca,\n} from 'ingot'\nexport const a = [bronze, kafca]\n` },
    at: ['lake.ts', 3, 3],
    cause: /'ingot' does not provide an export named 'kafca'/,
    fix: /declaring\.md/,
  },
  {
    name: 'a package that is not installed',
    files: { 'lake.ts': `${IMPORT}import nothing from 'no-such-package-here'\nexport const y = nothing\n` },
    at: ['lake.ts', 2, 22],
    cause: /package no-such-package-here is not installed/,
    fix: /npm install no-such-package-here/,
  },
  {
    name: 'a throw, in the file that throws',
    files: {
      'lake.ts': `export * from './deep/tables.ts'\n`,
      'deep/tables.ts': `${IMPORT}\nfunction fail(): never {\n  throw new Error('no such setting')\n}\nexport const a = fail()\n`,
    },
    at: ['deep/tables.ts', 4, 9],
    cause: /threw while it was loaded: no such setting/,
    fix: /must not fail/,
  },
  {
    name: 'a table that is used before it is declared',
    files: {
      'lake.ts': `${IMPORT}export const a = silver('a', { query: sql\`select 1 from \${b}\` })\nexport const b = bronze('b', { from: files('x') })\n`,
    },
    at: ['lake.ts', 2, 39],
    cause: /after "select 1 from" is undefined/,
    fix: /declare the table before/,
  },
  {
    name: 'an interpolation that is undefined',
    files: {
      'lake.ts': `${IMPORT}const settings: { limit?: number } = {}\nexport const a = silver('a', {\n  query: sql\`select 1 as x where 1 < \${settings.limit}\` })\n`,
    },
    at: ['lake.ts', 4, 10],
    cause: /the interpolation after "select 1 as x where 1 <" is undefined/,
    fix: /declare the table before/,
  },
  {
    name: 'a decimal that cannot be',
    files: {
      'lake.ts': `${IMPORT}export const a = bronze('a', { from: files('x'), columns: {\n  x: t.decimal(40, 2) } })\n`,
    },
    at: ['lake.ts', 3, 8],
    cause: /t\.decimal\(40, 2\) does not exist/,
    fix: /t\.decimal\(18, 2\)/,
  },
  {
    name: 'an option of files() that does not exist',
    files: {
      'lake.ts': `${IMPORT}export const a = bronze('a', {\n  from: files('x', { onChanged: 'replace' } as never) })\n`,
    },
    at: ['lake.ts', 3, 9],
    cause: /files\(\) has no option onChanged/,
    fix: /did you mean onChange/,
  },
  {
    name: 'a project without tables',
    files: {
      'lake.ts': `${IMPORT}const a = bronze('a', { from: files('x') })\nexport const name = a.name\n`,
    },
    at: ['lake.ts', 1, 1],
    cause: /lake\.ts exports no table/,
    fix: /export const readings = bronze/,
  },
  {
    name: 'two files that export one name',
    files: {
      'lake.ts': `export * from './a.ts'\nexport * from './b.ts'\n`,
      'a.ts': IMPORT + READINGS,
      'b.ts': IMPORT + READINGS,
    },
    at: ['b.ts', 2, 14],
    cause: /re-export of "readings" in "lake\.ts" is ambiguous/,
    fix: /another name from one of a\.ts, b\.ts/,
  },
]

describe('loadProject on a mistake', () => {
  for (const { name, files, at, cause, fix } of FAULTS) {
    test(`shows ${name}`, async () => {
      const { mistakes, message } = await mistakesOf(loadFiles(files))
      const [mistake] = mistakes
      assert.match(mistake?.cause ?? '', cause)
      assert.match(mistake?.fix ?? '', fix)
      assert.deepEqual([mistake?.site.file, mistake?.site.line, mistake?.site.column], at, message)
      const line = files[at[0]]?.split('\n')[at[1] - 1]
      assert.ok(message.includes(`${at[1]} | ${line}\n`), message)
    })
  }

  test('shows every syntax error', async () => {
    const { mistakes } = await mistakesOf(
      loadFiles({ 'lake.ts': "export * from './a.ts'\nexport * from './b.ts'\n" }),
    )
    assert.deepEqual(
      mistakes.map(({ site }) => site.line),
      [1, 2],
    )
  })
})
