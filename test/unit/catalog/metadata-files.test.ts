import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableMetadataFiles } from '../../../src/catalog/metadata-files.ts'
import { isIngotError } from '../../../src/errors.ts'
import { newTableMetadata } from '../../../src/format/table-metadata.ts'
import { systemRandom } from '../../../src/random.ts'
import type { FileIO } from '../../../src/storage/file-io.ts'
import { createMemoryFileIO } from '../../../src/storage/memory-file-io.ts'
import { SCHEMA } from '../../conformance/catalog-samples.ts'

const METADATA = newTableMetadata({ uuid: 'u', location: 'file:///lake/t', schema: SCHEMA, nowMs: 1 })

/** A FileIO that lists what is read of it. */
function recordReads(): { readonly io: FileIO; readonly reads: string[] } {
  const memory = createMemoryFileIO()
  const reads: string[] = []
  const read = (location: string): Promise<Uint8Array> => {
    reads.push(location)
    return memory.read(location)
  }
  return { io: { ...memory, read }, reads }
}

test('metadata files: versions count up from the file before, whoever named it', async () => {
  const files = tableMetadataFiles(recordReads().io, systemRandom)
  const uuid = '[0-9a-f-]{36}'
  const cases: readonly (readonly [string | null, string])[] = [
    [null, '00000'],
    ['file:///lake/t/metadata/00041-aa.metadata.json', '00042'],
    ['file:///lake/t/metadata/v7.metadata.json', '00008'],
    ['file:///lake/7/metadata/by-hand.json', '00001'],
    ['file:///lake/t/metadata/99999-aa.metadata.json', '100000'],
  ]
  for (const [previous, version] of cases) {
    const location = await files.write(METADATA, previous)
    assert.match(location, new RegExp(`^file:///lake/t/metadata/${version}-${uuid}\\.metadata\\.json$`))
  }
})

test('metadata files: what was written or read is not read again, until it is discarded', async () => {
  const { io, reads } = recordReads()
  const files = tableMetadataFiles(io, systemRandom)
  const location = await files.write(METADATA, null)
  assert.deepEqual(await files.read(location), METADATA)
  assert.deepEqual(reads, [])
  const others = tableMetadataFiles(io, systemRandom)
  assert.deepEqual(await others.read(location), METADATA)
  await others.read(location)
  assert.deepEqual(reads, [location])
  await files.discard([location])
  const failed = await files.read(location).catch(error => error)
  assert.ok(isIngotError(failed, 'FILE_NOT_FOUND'))
})

test('metadata files: what is kept is bounded, the longest unused goes first', async () => {
  const { io, reads } = recordReads()
  const files = tableMetadataFiles(io, systemRandom, { cacheBytesMax: 2_500 })
  const properties = { filler: 'x'.repeat(500) }
  const first = await files.write({ ...METADATA, properties }, null)
  const second = await files.write({ ...METADATA, properties }, null)
  await files.read(first)
  await files.write({ ...METADATA, properties }, null)
  await files.read(first)
  assert.deepEqual(reads, [])
  await files.read(second)
  assert.deepEqual(reads, [second])
})

test('metadata files: a file larger than the bound is read, and not kept', async () => {
  const { io, reads } = recordReads()
  const files = tableMetadataFiles(io, systemRandom, { cacheBytesMax: 10 })
  const location = await files.write(METADATA, null)
  assert.deepEqual(await files.read(location), METADATA)
  assert.deepEqual(reads, [location])
})
