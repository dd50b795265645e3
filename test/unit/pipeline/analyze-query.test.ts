import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { prepareQuery, type RefreshQueries } from '../../../src/pipeline/prepare-query.ts'
import { openInProcessSession } from './in-process-session.ts'
import {
  createSampleTables,
  declareSample,
  INCREMENTAL_QUERIES,
  RECOMPUTED_QUERIES,
  type SampleQuery,
  sampleColumns,
} from './sample-queries.ts'
import { TRICKY_INCREMENTAL, TRICKY_RECOMPUTED } from './tricky-queries.ts'

describe('analyzeQuery', () => {
  let session: Awaited<ReturnType<typeof openInProcessSession>>
  before(async () => {
    session = await openInProcessSession()
    await createSampleTables(session)
  })
  after(() => session.close())

  const prepare = async (sample: SampleQuery): Promise<RefreshQueries> =>
    (await prepareQuery(session, await declareSample(session, sample), sampleColumns)).queries

  for (const sample of [...INCREMENTAL_QUERIES, ...TRICKY_INCREMENTAL]) {
    it(`${sample.expected}: ${sample.sql}${sample.key ? ` key ${sample.key}` : ''}`, async () => {
      const queries = await prepare(sample)
      const keys = queries.strategy === 'keys' ? ` ${queries.keyColumns.join(', ')}` : ''
      assert.equal(queries.strategy + keys, sample.expected, queries.reason)
    })
  }

  for (const sample of [...RECOMPUTED_QUERIES, ...TRICKY_RECOMPUTED]) {
    it(`full, ${sample.reason}: ${sample.sql.replaceAll('\n', ' ')}`, async () => {
      const queries = await prepare(sample)
      assert.equal(queries.strategy, 'full', queries.reason)
      assert.ok(queries.reason.includes(sample.reason), queries.reason)
    })
  }
})
