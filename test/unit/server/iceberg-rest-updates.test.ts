import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendTo, createSample, SCHEMA, tableRequest } from '../../conformance/catalog-samples.ts'
import { type Client, type Json, withServer } from '../../support/rest-server.ts'

const PATH = '/v1/namespaces/n/tables/t'

async function update(client: Client, ...updates: readonly object[]): Promise<Json> {
  const { status, body } = await client.send('POST', PATH, { requirements: [], updates })
  assert.equal(status, 200, JSON.stringify(body.error))
  return body.metadata as Json
}

test('iceberg rest: every kind of table update is applied', () =>
  withServer(async client => {
    const table = await createSample(client.catalog, 'n')
    const append = appendTo(table)
    await client.catalog.commit([append], { idempotencyKey: 'append' })
    const [added] = append.updates
    assert.ok(added?.action === 'add-snapshot')
    const { 'snapshot-id': id, 'manifest-list': list } = added.snapshot
    const statistics = {
      'snapshot-id': id,
      'statistics-path': `${table.metadata.location}/metadata/s.puffin`,
      'file-size-in-bytes': 413,
      'file-footer-size-in-bytes': 42,
      'blob-metadata': [{ type: 'theta', 'snapshot-id': id, 'sequence-number': 1, fields: [1] }],
    }
    const partitionStatistics = { 'snapshot-id': id, 'statistics-path': list, 'file-size-in-bytes': 1 }
    const set = await update(
      client,
      { action: 'set-statistics', statistics: { ...statistics, 'file-size-in-bytes': 1 } },
      { action: 'set-statistics', statistics },
      { action: 'set-partition-statistics', 'partition-statistics': partitionStatistics },
    )
    assert.deepEqual([set.statistics, set['partition-statistics']], [[statistics], [partitionStatistics]])
    const removed = await update(
      client,
      { action: 'remove-statistics', 'snapshot-id': id },
      { action: 'remove-partition-statistics', 'snapshot-id': id },
    )
    assert.deepEqual([removed.statistics, removed['partition-statistics']], [[], []])
    const key = { 'key-id': 'k', 'encrypted-key-metadata': 'AAAA' }
    const keyed = await update(
      client,
      { action: 'upgrade-format-version', 'format-version': 3 },
      { action: 'add-encryption-key', 'encryption-key': key },
    )
    assert.deepEqual([keyed['format-version'], keyed['encryption-keys']], [3, [key]])
    assert.deepEqual((await client.send('GET', PATH)).body.metadata?.['encryption-keys'], [key])
    const field = { 'source-id': 1, 'field-id': 1000, name: 'p', transform: 'bucket[4]' }
    const evolved = await update(
      client,
      { action: 'remove-encryption-key', 'key-id': 'k' },
      { action: 'add-schema', schema: { ...SCHEMA, fields: [{ ...SCHEMA.fields[0], id: 1, doc: 'x' }] } },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: { fields: [field] } },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-schema', schema: { ...SCHEMA, fields: [{ ...SCHEMA.fields[0], id: 1, doc: 'y' }] } },
      { action: 'remove-schemas', 'schema-ids': [2] },
      { action: 'remove-partition-specs', 'spec-ids': [0] },
      { action: 'set-snapshot-ref', 'ref-name': 'b', type: 'branch', 'snapshot-id': id },
      { action: 'remove-snapshot-ref', 'ref-name': 'b' },
      { action: 'set-properties', updates: { a: '1', b: '2' } },
      { action: 'remove-properties', removals: ['a'] },
    )
    assert.deepEqual(evolved['encryption-keys'], [])
    assert.deepEqual([evolved.schemas?.length, evolved['partition-specs']?.length], [2, 1])
    assert.deepEqual(evolved.properties, { b: '2' })
  }))

test('iceberg rest: requirements and updates of no kind are refused by their names', () =>
  withServer(async ({ catalog, send }) => {
    await createSample(catalog, 'n')
    await catalog.createTable(tableRequest({ namespace: ['n'], name: 'u' }))
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ updates: [{ action: 'enable-magic' }] }, /updates\.0.*there is no table update "enable-magic"/],
      [{ updates: [{}] }, /there is no table update without action/],
      [{ requirements: [{ type: 'assert-moon' }] }, /there is no table requirement "assert-moon"/],
      [{ updates: [{ action: 'set-statistics', statistics: {} }] }, /statistics\.snapshot-id: expected/],
      [{ updates: [{ action: 'remove-statistics' }] }, /updates\.0\.snapshot-id/],
    ]
    for (const [body, message] of cases) {
      const table = await send('POST', PATH, body)
      assert.equal(table.status, 400)
      assert.match(String(table.body.error?.message), message)
      const change = { requirements: [], updates: [], ...body, identifier: { namespace: ['n'], name: 'u' } }
      const transaction = await send('POST', '/v1/transactions/commit', { 'table-changes': [change] })
      assert.equal(transaction.status, 400)
    }
    const early = {
      action: 'add-encryption-key',
      'encryption-key': { 'key-id': 'k', 'encrypted-key-metadata': '' },
    }
    const refused = await send('POST', PATH, { requirements: [], updates: [early] })
    assert.deepEqual([refused.status, refused.body.error?.type], [406, 'UnsupportedOperationException'])
    const orphan = {
      action: 'set-partition-statistics',
      'partition-statistics': { 'snapshot-id': 5, 'statistics-path': 'x', 'file-size-in-bytes': 1 },
    }
    const lost = await send('POST', PATH, { requirements: [], updates: [orphan] })
    assert.deepEqual([lost.status, lost.body.error?.type], [409, 'CommitFailedException'])
  }))
