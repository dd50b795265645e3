import assert from 'node:assert/strict'
import { test } from 'node:test'
import { relocateJson } from '../../../src/copy/relocate-json.ts'
import { Relocation } from '../../../src/copy/relocation.ts'
import { isIngotError } from '../../../src/errors.ts'
import { changePuffinFooter, writePuffin } from '../../../src/format/puffin.ts'

const relocation = new Relocation({ from: 'file:///a "lake"/', to: 's3://bucket/lakes/ä' })

test('only what is below the root is moved', () => {
  assert.equal(relocation.move('file:///a "lake"/n/t/x.parquet'), 's3://bucket/lakes/ä/n/t/x.parquet')
  for (const outside of ['file:///a "lake"2/x', 'file:///a', 's3://a "lake"/x', '']) {
    assert.throws(
      () => relocation.move(outside),
      error => isIngotError(error, 'UNSUPPORTED'),
    )
    assert.equal(relocation.moveIfInside(outside), outside)
  }
})

test('in JSON only texts that are locations change, to the byte', () => {
  const json = `{"id": 9007199254740993123,  "location":"file:///a \\"lake\\"/t","n":1e400,
    "says": "see file:///a \\"lake\\"/t", "file:///a \\u0022lake\\"/k": ["file:///a \\"lake\\"/m\\\\n"], "\\\\": "x"}`
  assert.equal(
    relocateJson(json, relocation),
    `{"id": 9007199254740993123,  "location":"s3://bucket/lakes/ä/t","n":1e400,
    "says": "see file:///a \\"lake\\"/t", "s3://bucket/lakes/ä/k": ["s3://bucket/lakes/ä/m\\\\n"], "\\\\": "x"}`,
  )
})

test('a Puffin file has another footer, and its blobs where they were', () => {
  const blob = Buffer.from('PFA1 a blob')
  const { bytes, offsets } = writePuffin([
    { type: 'x', fields: [1], properties: { 'referenced-data-file': 'file:///a "lake"/f' }, bytes: blob },
  ])
  const changed = Buffer.from(changePuffinFooter(bytes, payload => relocateJson(payload, relocation)))
  const [offset = 0] = offsets
  assert.deepEqual(changed.subarray(offset, offset + blob.length), blob)
  const size = changed.readInt32LE(changed.length - 12)
  const footer = JSON.parse(changed.toString('utf8', changed.length - 12 - size, changed.length - 12))
  assert.equal(footer.blobs[0].properties['referenced-data-file'], 's3://bucket/lakes/ä/f')
  assert.deepEqual(Buffer.from(changePuffinFooter(bytes, payload => payload)), Buffer.from(bytes))
})

test('what is no Puffin file is refused, and so is a compressed footer', () => {
  const { bytes } = writePuffin([])
  const compressed = Buffer.from(bytes)
  compressed[compressed.length - 8] = 1
  const refuse = (file: Uint8Array, code: 'METADATA_INVALID' | 'UNSUPPORTED'): void =>
    assert.throws(
      () => changePuffinFooter(file, payload => payload),
      error => isIngotError(error, code),
    )
  refuse(compressed, 'UNSUPPORTED')
  for (const part of [0, 4, 11, 12, bytes.length - 1]) refuse(bytes.subarray(0, part), 'METADATA_INVALID')
  const endless = Buffer.from(bytes)
  endless.writeInt32LE(2 ** 31 - 1, endless.length - 12)
  refuse(endless, 'METADATA_INVALID')
})
