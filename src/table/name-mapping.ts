import type { TableMetadata } from '../format/metadata-types.ts'
import { quoteLiteral } from '../sql-text.ts'
import type { ScanTask } from './scan.ts'

/** Set by engines that take files into a table as they are (Iceberg spec, "Column Projection"): such files may lack field ids. */
const NAME_MAPPING = 'schema.name-mapping.default'

/**
 * Of tasks, one at least: a condition that is true, or fails by the name of a data file without field ids: columns are found by id, so that all of its values
 * would read as null. Undefined where no file can be such.
 */
export function fieldIdsSql(metadata: TableMetadata, tasks: readonly ScanTask[]): string | undefined {
  if (metadata.properties[NAME_MAPPING] === undefined) return undefined
  const paths = tasks.map(({ enginePath }) => quoteLiteral(enginePath)).join(', ')
  const without = `SELECT file_name FROM parquet_schema([${paths}]) GROUP BY file_name HAVING count(field_id) = 0`
  const message = quoteLiteral(
    'columns are found by field ids, which this data file does not have: write its rows again with the engine that added it: ',
  )
  return `(SELECT CASE WHEN count(*) = 0 THEN true ELSE error(${message} || min(file_name)) END FROM (${without}))`
}
