import { encodeDeletionVector } from '../format/deletion-vector.ts'
import { type PuffinBlob, writePuffin } from '../format/puffin.ts'
import { countPositions, positionsOf, type RowPositions } from '../format/row-positions.ts'
import { randomUuid } from '../random.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { deletedPositions } from './deleted-positions.ts'
import type { EngineSession } from './engine.ts'
import type { FileInSpec, Hits } from './position-deletes.ts'
import type { ScanTask } from './scan.ts'
import type { TableContext } from './staged-table.ts'

/** Id of the reserved column `_pos`, from which deletion vectors are made (Iceberg spec, "Reserved Field IDs"). */
const POSITION_ID = 2_147_483_645

/**
 * Writes a deletion vector for each of the files, all in one Puffin file, durable: with the hits and all rows that deletes by position
 * name already, as a file has one vector at most (Iceberg spec, "Deletion Vectors").
 */
export async function writeDeletionVectors(
  context: TableContext,
  session: EngineSession,
  tableLocation: string,
  tasks: readonly ScanTask[],
  hits: Hits,
): Promise<FileInSpec[]> {
  if (tasks.length === 0) return []
  const positions = await collectPositions(session, tasks, hits)
  const vectors = tasks.flatMap(task => {
    const rows = positions.get(task.enginePath)
    return rows === undefined ? [] : [{ task, rows, blob: toBlob(task, rows) }]
  })
  const { bytes, offsets } = writePuffin(vectors.map(({ blob }) => blob))
  const filePath = `${tableLocation}/data/${randomUuid(context.random)}-deletes.puffin`
  await context.io.create(filePath, bytes)
  return vectors.map(({ task, rows, blob }, index) => ({
    specId: task.entry.specId,
    file: {
      content: 'position-deletes',
      filePath,
      fileFormat: 'PUFFIN',
      partition: task.entry.file.partition,
      recordCount: countPositions(rows),
      fileSizeBytes: bytes.length,
      referencedDataFile: task.entry.file.filePath,
      contentOffset: BigInt(offsets[index] ?? 0),
      contentSizeBytes: BigInt(blob.bytes.length),
    },
  }))
}

function toBlob(task: ScanTask, rows: RowPositions): PuffinBlob {
  return {
    type: 'deletion-vector-v1',
    fields: [POSITION_ID],
    properties: {
      'referenced-data-file': task.entry.file.filePath,
      cardinality: String(countPositions(rows)),
    },
    bytes: encodeDeletionVector(rows),
  }
}

/** By the path of each file as the engine names it. */
async function collectPositions(
  session: EngineSession,
  tasks: readonly ScanTask[],
  hits: Hits,
): Promise<ReadonlyMap<string, RowPositions>> {
  const file = quoteIdentifier(hits.file)
  const paths = tasks.map(task => `(${quoteLiteral(task.enginePath)})`)
  const found = `SELECT h.${file} AS path, h.${quoteIdentifier(hits.row)} AS pos FROM ${quoteIdentifier(hits.table)} AS h JOIN (VALUES ${paths.join(', ')}) AS f(path) ON f.path = h.${file}`
  const before = deletedPositions(tasks)
  const all = before === undefined ? found : `${found} UNION ALL ${before.sql}`
  const { rows } = await session.query(
    `SELECT path, string_agg(CAST(pos AS VARCHAR), ',' ORDER BY pos) FROM (SELECT DISTINCT path, pos FROM (${all})) GROUP BY path`,
    { rowsMax: tasks.length },
  )
  return new Map(rows.map(([path, text]) => [String(path), positionsOf(String(text).split(',').map(Number))]))
}
