import { quoteLiteral } from '../sql-text.ts'
import { DELETE_FILE_PATH_ID, DELETE_POSITION_ID } from './delete-columns.ts'
import type { PositionSet } from './row-set.ts'
import type { ScanTask } from './scan.ts'
import { mappedColumn, readParquetSql } from './scan-columns.ts'

/** The rows that the position deletes of these tasks name; undefined when they have none. */
export function deletedPositions(tasks: readonly ScanTask[]): PositionSet | undefined {
  const positional = tasks.filter(task => positionDeletesOf(task).length > 0)
  if (positional.length === 0) return undefined
  return { kind: 'positions', sql: deletedRowsSql(positional) }
}

function positionDeletesOf(task: ScanTask): ScanTask['deletes'] {
  return task.deletes.filter(({ entry }) => entry.file.content === 'position-deletes')
}

/** A SELECT of the positions of the rows that delete files name: by the location of the data file, as manifests know it. */
function deletedRowsSql(tasks: readonly ScanTask[]): string {
  const deletes = new Map(
    tasks.flatMap(task => positionDeletesOf(task).map(file => [file.enginePath, file] as const)),
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
