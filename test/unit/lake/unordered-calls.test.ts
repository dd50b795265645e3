import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkFiles, READINGS, startEngine, type TestEngine, tableOf } from './lake-project.ts'

describe('a query over rows whose order is not given', () => {
  let started: TestEngine
  before(async () => {
    started = await startEngine()
  })
  after(() => started[Symbol.asyncDispose]())

  test('notes where the order of rows decides and is not given, and nowhere else', async () => {
    const code = `${READINGS}
export const a = silver('a', { query: sql\`select vehicle, first(speed_kmh) as f, list(r.at order by r.at) as l,
  list_sort(list(speed_kmh)) as sorted, string_agg(distinct vehicle, ',') as names
  from \${readings} r group by vehicle\` })
export const b = silver('b', { query: sql\`select vehicle, row_number() over (partition by vehicle) as n,
  lag(r.at) over (partition by vehicle order by r.at) as before, sum(speed_kmh) over (partition by vehicle) as s,
  rank() over (partition by vehicle) as k from \${readings} r\` })
`
    const lake = await checkFiles(code, started.engine)
    const notesOf = (id: string): readonly string[] => {
      const table = tableOf(lake, id)
      return table.kind === 'query' ? (table.notes ?? []) : assert.fail()
    }
    const undefinedOrder = 'takes rows in an order that is not defined: a recompute may give another result'
    assert.deepEqual(notesOf('silver.a'), [
      `first() in lake.ts:7:59 ${undefinedOrder}; write first(… order by …)`,
      `string_agg() in lake.ts:8:41 ${undefinedOrder}; write string_agg(… order by …)`,
    ])
    assert.deepEqual(notesOf('silver.b'), [
      `row_number() in lake.ts:10:59 ${undefinedOrder}; write over (… order by …)`,
    ])
  })
})
