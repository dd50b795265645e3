import assert from 'node:assert/strict'
import { type Lab, type Operations, works } from './operations.ts'

/** The table of most operations, partitioned: an int, a text, a time. */
function creation(table: string): string {
  return `
    schema = Schema(
        NestedField(1, "id", IntegerType()), NestedField(2, "name", StringType()), NestedField(3, "at", TimestampType()))
    spec = PartitionSpec(
        PartitionField(3, 1000, MonthTransform(), "at_month"), PartitionField(1, 1001, BucketTransform(4), "id_bucket"))
    table = catalog.create_table("${table}", schema, partition_spec=spec)`
}

const APPEND = `
    from datetime import datetime
    table.append(pa.Table.from_pylist([
        {"id": 1, "name": "a", "at": datetime(2026, 1, 1)},
        {"id": 2, "name": "b", "at": datetime(2026, 2, 1)},
        {"id": 3, "name": None, "at": None},
    ], schema=table.schema().as_arrow()))`

async function createFilled({ run, table }: Lab): Promise<void> {
  await run(creation(table) + APPEND)
}

async function assertRows({ rows, table }: Lab, expected: readonly unknown[][], at?: string): Promise<void> {
  assert.deepEqual(await rows(`SELECT * FROM ${table} ORDER BY 1`, at), expected)
}

const A = [1, 'a', '2026-01-01 00:00:00']
const B = [2, 'b', '2026-02-01 00:00:00']
const C = [3, null, null]

/** What PyIceberg makes of each operation. The statements are Python. */
export const PYICEBERG_OPERATIONS: Operations = {
  'creates a partitioned table': works(async lab => {
    await lab.run(creation(lab.table))
    const { metadata } = await lab.lake.load(lab.table)
    assert.deepEqual(
      metadata['partition-specs'].map(({ fields }) => fields.map(({ transform }) => transform)),
      [['month', 'bucket[4]']],
    )
    await assertRows(lab, [])
  }),
  'appends rows': works(async lab => {
    await createFilled(lab)
    await assertRows(lab, [A, B, C])
  }),
  'deletes rows by a filter': works(async lab => {
    await createFilled(lab)
    await lab.run(`catalog.load_table("${lab.table}").delete("id = 2")`)
    await assertRows(lab, [A, C])
  }),
}
