import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { checkFiles, mistakesOf, startEngine, type TestEngine } from './lake-project.ts'

describe('docs/guides/declaring.md', () => {
  let started: TestEngine
  let blocks: readonly string[]
  before(async () => {
    started = await startEngine()
    const text = await readFile('docs/guides/declaring.md', 'utf8')
    blocks = [...text.matchAll(/^```(?:ts)?\n(.*?)^```$/gms)].map(([, block = '']) => block)
  })
  after(() => started[Symbol.asyncDispose]())

  test('the first project is right', async () => {
    const lake = await checkFiles(blocks[0] ?? '', started.engine)
    assert.deepEqual(
      lake.tables.map(({ identifier }) => identifier.name),
      ['readings', 'readings', 'vehicle_days'],
    )
  })

  test('the mistake is shown as the product shows it', async () => {
    const right = blocks[0] ?? ''
    const wrong = right.replace(
      /sql`select vehicle, taken_at, speed_kmh from/,
      'sql`select vehicle, taken_at, speed_kmhh from',
    )
    assert.notEqual(wrong, right)
    const { message } = await mistakesOf(checkFiles(wrong, started.engine))
    const shown = blocks.find(block => block.startsWith('lake.ts:'))
    assert.equal(message, `the project has a mistake\n\n${shown?.trimEnd()}`)
  })
})
