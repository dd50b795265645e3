import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { prepareLakeQuery } from '../../../src/cli/lake-query.ts'
import type { EngineValue } from '../../../src/table/engine.ts'
import { bronzeTable, IngestLab } from '../ingest/ingest-lab.ts'

let lab: IngestLab
before(async () => {
  lab = await IngestLab.open()
  await lab.write('inbox/a.ndjson', '{"v":1}\n')
  await lab.load(bronzeTable({ columns: { v: 'long' } }))
})
after(() => lab.close())

const query = (sql: string): Promise<readonly (readonly EngineValue[])[]> =>
  lab.engine.session({}, async session => {
    const { rows } = await session.query(await prepareLakeQuery(lab.context, session, sql, { type: 'now' }))
    return rows
  })

test('system.files is a table like others, though the engine has a database of that name', async () => {
  const row = [['inbox/a.ndjson']]
  assert.deepEqual(await query('select source from system.files'), row)
  assert.deepEqual(await query('select f.source from memory.system.files f'), row)
  assert.deepEqual(
    await query(
      `select 'é' as x, * from (select source from "system".files) join bronze.events on true join system.files f on f.source = _source`,
    ).then(rows => rows.map(([x, source, v]) => [x, source, v])),
    [['é', 'inbox/a.ndjson', 1n]],
  )
})
