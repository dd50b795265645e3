import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { JsonChecker } from '../../../src/ingest/json-checker.ts'
import { type PreparedPart, PreparedRows } from '../../../src/ingest/prepared-rows.ts'

test('a source goes on over parts, and each part names the sources and counts of its own rows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-prepared-'))
  try {
    const columns = [{ name: 'v', type: 'long' }] as const
    const checker = new JsonChecker({ columns, undeclared: 'rescue', nestingMax: 64 })
    const parts: (PreparedPart & { text: string })[] = []
    const onPart = async (part: PreparedPart): Promise<void> => {
      parts.push({ ...part, text: await readFile(part.prepared?.path ?? '', 'utf8') })
    }
    const rows = new PreparedRows({ folder, fields: checker.fields, partBytes: 1024, onPart })
    const add = (position: number, text: string): void => {
      const bytes = Buffer.from(`${text}\n`)
      assert.ok(checker.check(bytes, 0, bytes.length - 1))
      const { edits, rescued } = checker
      rows.row({ position, bytes, start: 0, end: bytes.length - 1, edits, rescued })
    }
    rows.begin('a')
    add(9, '{"v":1}')
    await rows.handOver()
    add(10, '{"v":null}')
    rows.begin('b')
    add(1, '{"v":"x","w":2}')
    await rows.handOver()
    await rows.handOver()
    await rows.close()
    assert.deepEqual(
      parts.map(({ sources, rowCount, valueCounts, text }) => ({ sources, rowCount, valueCounts, text })),
      [
        { sources: ['a'], rowCount: 1, valueCounts: [1], text: '1\x1f9\x1f{"v":1}\x1f\n' },
        {
          sources: ['a', 'b'],
          rowCount: 2,
          valueCounts: [0],
          text: '1\x1f10\x1f{"v":null}\x1f\n2\x1f1\x1f{"v":null,"w":2}\x1f{"v":"x","w":2}\n',
        },
      ],
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
