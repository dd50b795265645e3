import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PrimitiveValue } from '../../../src/format/manifest-types.ts'
import { partitionName } from '../../../src/maintenance/partition-name.ts'
import { MaintenanceLab } from './maintenance-lab.ts'

let lab: MaintenanceLab
before(async () => {
  lab = await MaintenanceLab.open()
})
after(() => lab.close())

/** The name of the partition that holds one row, `select` being its columns. */
async function nameFor(
  columns: Readonly<Record<string, 'timestamp' | 'date' | 'string' | 'binary'>>,
  partitionBy: readonly string[],
  partition: readonly (PrimitiveValue | null)[],
): Promise<string | undefined> {
  const { metadata } = await lab.tables.create(columns, partitionBy)
  const written = { specId: metadata['default-spec-id'], file: { partition } }
  return partitionName(metadata, written as Parameters<typeof partitionName>[1])
}

test('partitions are named as people read their values', async () => {
  const at = { at: 'timestamp' } as const
  assert.equal(await nameFor(at, ['day(at)'], [20_459]), 'at_day=2026-01-06')
  assert.equal(await nameFor(at, ['month(at)'], [672]), 'at_month=2026-01')
  assert.equal(await nameFor(at, ['year(at)'], [56]), 'at_year=2026')
  assert.equal(await nameFor(at, ['hour(at)'], [491_031]), 'at_hour=2026-01-06-15')
  assert.equal(await nameFor(at, ['at'], [1_767_711_600_000_000n]), 'at=2026-01-06T15:00:00')
  assert.equal(await nameFor(at, ['at'], [2n ** 62n]), `at=${Number(2n ** 62n) / 1000}`)
  assert.equal(await nameFor({ d: 'date', s: 'string' }, ['d', 's'], [20_459, 'a b']), 'd=2026-01-06, s=a b')
  assert.equal(await nameFor({ b: 'binary' }, ['b'], [new Uint8Array([1, 255])]), 'b=01ff')
  assert.equal(await nameFor({ s: 'string' }, ['bucket(16, s)'], [3]), 's_bucket_16=3')
  assert.equal(await nameFor({ s: 'string' }, ['s'], [null]), 's=null')
  assert.equal(await nameFor({ s: 'string' }, [], []), undefined)
})
