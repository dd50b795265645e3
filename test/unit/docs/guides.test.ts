import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { printedAs, proseOf } from './reason-texts.ts'

/** The guide that says what each text means, and the files whose texts a user can meet. */
const GUIDES = {
  'docs/guides/refresh.md': {
    folder: 'src/pipeline',
    files: [
      'analyze-query',
      'build-from-tree',
      'decide-action',
      'decide-load',
      'definition-parts',
      'find-rebuilds',
      'function-facts',
      'not-incremental',
      'output-keys',
      'plan-run',
      'prepare-query',
      'refresh-query',
      'table-qualifiers',
    ],
    /** Found, unless the search is broken. */
    among: ['it has a FULL JOIN', 'it reads no table', 'no input changed', 'it is new'],
    /** Not reasons. */
    asides: ['its input', 'a query is not one SELECT'],
  },
  'docs/guides/loading.md': {
    folder: 'src/ingest',
    files: [
      'bronze-schema',
      'csv-reader',
      'csv-row-builder',
      'inflate-file',
      'json-checker',
      'json-document-reader',
      'list-files',
      'load-parquet-file',
      'load-table',
      'ndjson-reader',
      'plan-load',
      'read-text-file',
      'text-checks',
    ],
    among: ['not valid UTF-8', 'not a JSON object', 'a quoted field is not closed'],
    asides: ['number or string'],
  },
} as const

for (const [guide, { folder, files, among, asides }] of Object.entries(GUIDES)) {
  describe(guide, () => {
    test('every reason that the code gives is documented, as it is printed', async () => {
      const text = await readFile(guide, 'utf8')
      const found = await Promise.all(files.map(file => proseOf(`${folder}/${file}.ts`)))
      const reasons = found.flat().filter(reason => !asides.some(aside => reason.startsWith(aside)))
      for (const reason of among) assert.ok(reasons.includes(reason), `${reason} is no longer found`)
      assert.deepEqual(
        reasons.filter(reason => !printedAs(reason).test(text)),
        [],
      )
    })
  })
}

test('a text that the guides lack is found to be missing', () => {
  assert.equal(printedAs(`damaged zip: \${error.message}`).test('`damaged gzip: …`'), false)
  assert.equal(printedAs(`lone surrogate \\\\u\${unit}`).test('`lone surrogate \\ud800`'), true)
  assert.equal(printedAs(`it calls \${name}(), twice`).test('`it calls f(), twice`'), true)
})
