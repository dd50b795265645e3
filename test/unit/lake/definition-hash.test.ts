// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are the code of projects
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkFiles, cleanTable, READINGS, startEngine, type TestEngine, tableOf } from './lake-project.ts'

describe('the definition hash', () => {
  let started: TestEngine
  before(async () => {
    started = await startEngine()
  })
  after(() => started[Symbol.asyncDispose]())

  const hashOf = async (code: string, header = READINGS): Promise<string> =>
    tableOf(await checkFiles(header + code, started.engine), 'silver.clean').definitionHash
  const plain = cleanTable(
    'select vehicle from ${readings}',
    ", expect: { a: { check: sql`true`, otherwise: 'drop' } }",
  )

  for (const [what, code, header] of [
    ['layout and comments', plain.replace('select vehicle', 'SELECT\n  vehicle -- it\n')],
    ['the place in the file', `\n\n${plain}`],
    ['the name of the export', plain.replace('const clean', 'const other')],
    ['a description', plain.replace(', expect', ", description: 'x', expect")],
    ['partitioning', plain.replace(', expect', ", partitionBy: 'vehicle', expect")],
    ['a check that only warns', plain.replace('expect: {', 'expect: { w: sql`vehicle is not null`,')],
    ['the files of a source', plain, READINGS.replace('inbox/', 'elsewhere/')],
  ] as const) {
    test(`stays under a change of ${what}`, async () =>
      assert.equal(await hashOf(code, header), await hashOf(plain)))
  }

  for (const [what, code, header] of [
    ['the query', plain.replace('from ${readings}', 'from ${readings} where speed_kmh > 9007199254740993')],
    ['a check that drops', plain.replace('sql`true`', 'sql`vehicle is not null`')],
    ['what a check does', plain.replace("'drop'", "'quarantine'")],
    ['the key', plain.replace(', expect', ", key: 'vehicle', orderBy: 'at', expect")],
    ['the type of an input column', plain, READINGS.replace('vehicle: t.string()', 'vehicle: t.int()')],
  ] as const) {
    test(`changes with ${what}`, async () => assert.notEqual(await hashOf(code, header), await hashOf(plain)))
  }

  test('tells large numbers apart', async () => {
    const where = (number: string) =>
      cleanTable(`select vehicle from \${readings} where speed_kmh > ${number}`)
    assert.notEqual(await hashOf(where('9007199254740993')), await hashOf(where('9007199254740992')))
  })
})
