import { CHUNK_ROWS, type RowPositions, runsOf } from '../format/row-positions.ts'
import { quoteLiteral } from '../sql-text.ts'
import { DELETE_FILE_PATH_ID, DELETE_POSITION_ID } from './delete-columns.ts'
import type { PositionSet } from './row-set.ts'
import type { ScanTask } from './scan.ts'
import { mappedColumn, readParquetSql } from './scan-columns.ts'

/** The rows that the position deletes of these tasks name; undefined when they have none. */
export function deletedPositions(tasks: readonly ScanTask[]): PositionSet | undefined {
  const byFile = tasks.filter(task => deleteFilesOf(task).length > 0)
  const selects = [
    ...(byFile.length === 0 ? [] : [deletedRowsSql(byFile)]),
    ...tasks.flatMap(task =>
      task.deletes.flatMap(({ vector }) => (vector ? vectorSelects(task, vector) : [])),
    ),
  ]
  return selects.length === 0 ? undefined : { kind: 'positions', sql: selects.join(' UNION ALL ') }
}

function deleteFilesOf(task: ScanTask): ScanTask['deletes'] {
  return task.deletes.filter(
    ({ entry, vector }) => vector === undefined && entry.file.content === 'position-deletes',
  )
}

/**
 * SELECTs of the rows of a deletion vector, which are in the text itself: numbers as one text that is split, as the parser takes long
 * over lists (of 10,000 rows: 0.1 instead of 18 CPU seconds for IN), chunks of many rows as bits.
 */
function vectorSelects(task: ScanTask, vector: RowPositions): string[] {
  const rows: number[] = []
  const firsts: number[] = []
  const ends: number[] = []
  const bitmaps: string[] = []
  for (const [number, chunk] of vector) {
    const base = number * CHUNK_ROWS
    if (chunk.kind === 'array') for (const value of chunk.values) rows.push(base + value)
    else if (chunk.kind === 'bitmap') bitmaps.push(`(${base}, unhex('${highestFirst(chunk.bits)}')::BIT)`)
    else {
      for (const [first, end] of runsOf(chunk)) {
        firsts.push(base + first)
        // Whatever the vector claims, no more rows than the file has.
        ends.push(Math.min(base + end, task.entry.file.recordCount))
      }
    }
  }
  const path = `${quoteLiteral(task.enginePath)} AS path`
  const runs = `SELECT ${splitSql(firsts)} AS first, ${splitSql(ends)} AS before`
  const bits = `FROM (VALUES ${bitmaps.join(', ')}) AS b(base, bits), range(${CHUNK_ROWS}) AS r(i) WHERE get_bit(b.bits, r.i::INTEGER) = 1`
  return [
    ...(rows.length === 0 ? [] : [`SELECT ${path}, ${splitSql(rows)} AS pos`]),
    ...(firsts.length === 0 ? [] : [`SELECT ${path}, unnest(range(first, before)) AS pos FROM (${runs})`]),
    ...(bitmaps.length === 0 ? [] : [`SELECT ${path}, b.base + r.i AS pos ${bits}`]),
  ]
}

function splitSql(numbers: readonly number[]): string {
  return `CAST(unnest(string_split('${numbers.join(',')}', ',')) AS BIGINT)`
}

/** Hexadecimal, with the bits of each byte in the order in which the engine counts them. */
function highestFirst(bits: Uint8Array): string {
  return Buffer.from(bits.map(byte => REVERSED_BYTES[byte] ?? 0)).toString('hex')
}

const REVERSED_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
)

/** A SELECT of the positions of the rows that delete files name: by the location of the data file, as manifests know it. */
function deletedRowsSql(tasks: readonly ScanTask[]): string {
  const deletes = new Map(
    tasks.flatMap(task => deleteFilesOf(task).map(file => [file.enginePath, file] as const)),
  )
  const mapped = [
    mappedColumn(DELETE_FILE_PATH_ID, 'file_path', 'VARCHAR'),
    mappedColumn(DELETE_POSITION_ID, 'pos', 'BIGINT'),
  ]
  const dataFiles = tasks.map(
    task =>
      `(${quoteLiteral(task.entry.file.filePath)}, ${quoteLiteral(task.enginePath)}, ${task.entry.sequenceNumber})`,
  )
  const deleteFiles = [...deletes.values()].map(
    file => `(${quoteLiteral(file.enginePath)}, ${file.entry.sequenceNumber})`,
  )
  return [
    `SELECT f.path, p.pos FROM ${readParquetSql([...deletes.keys()], mapped)} AS p`,
    `JOIN (VALUES ${deleteFiles.join(', ')}) AS x(path, sequence_number) ON x.path = p.filename`,
    `JOIN (VALUES ${dataFiles.join(', ')}) AS f(location, path, sequence_number) ON f.location = p.file_path`,
    // A file written later under the same name is not what the delete meant (Iceberg spec, "Scan Planning").
    'WHERE f.sequence_number <= x.sequence_number',
  ].join(' ')
}
