import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics, SECONDS_BUCKETS } from '../../../src/telemetry/metrics.ts'

describe('metrics', () => {
  it('are written in the text format of Prometheus', async () => {
    const metrics = createMetrics()
    metrics.counter('ingot_rows_total', 'Rows', ['table']).add({ table: 'silver.orders' }, 3)
    metrics.counter('ingot_rows_total', 'Rows', ['table']).add({ table: 'silver.orders' })
    const gauge = metrics.gauge('ingot_queued', 'Queued')
    gauge.set({}, 5)
    gauge.add({}, -2)
    metrics.histogram('ingot_seconds', 'Seconds', ['op'], [0.5, 1]).observe({ op: 'commit' }, 0.7)
    assert.equal(
      await metrics.exposition(),
      `# HELP ingot_rows_total Rows
# TYPE ingot_rows_total counter
ingot_rows_total{table="silver.orders"} 4

# HELP ingot_queued Queued
# TYPE ingot_queued gauge
ingot_queued 3

# HELP ingot_seconds Seconds
# TYPE ingot_seconds histogram
ingot_seconds_bucket{le="0.5",op="commit"} 0
ingot_seconds_bucket{le="1",op="commit"} 1
ingot_seconds_bucket{le="+Inf",op="commit"} 1
ingot_seconds_sum{op="commit"} 0.7
ingot_seconds_count{op="commit"} 1
`,
    )
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/)
  })

  it('belong to one registry: another has its own', async () => {
    createMetrics().counter('ingot_a_total', 'A').add({})
    assert.equal((await createMetrics().exposition()).trim(), '')
  })

  it('include those of the process when asked to', async () => {
    assert.match(
      await createMetrics({ processMetrics: true }).exposition(),
      /^process_resident_memory_bytes \d+/m,
    )
  })

  it('have buckets that grow by at most 2.1', () => {
    for (const [index, bound] of SECONDS_BUCKETS.entries()) {
      const previous = SECONDS_BUCKETS[index - 1] ?? bound / 1.5
      assert(bound > previous && bound / previous <= 2.1, `${previous} to ${bound}`)
    }
  })
})
