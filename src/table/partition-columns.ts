import { IngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import { partitionType } from '../format/partition-spec.ts'
import { fieldsById } from '../format/schema.ts'
import type { PartitionField, PartitionSpec, PrimitiveType, Schema } from '../format/types.ts'
import { isPrimitive } from '../format/types.ts'
import { quoteIdentifier, quoteLiteral } from '../sql-text.ts'
import { canBeInfinite, partitionTextSql } from './transform-sql.ts'

// The text of a partition value names a folder. Longer ones are named by their hash, as file systems allow 255 bytes.
const FOLDER_TEXT_BYTES_MAX = 60

/** A field of a partition spec, for writing. */
export interface PartitionColumn {
  /** How COPY names the folder level and RETURN_STATS the value. */
  readonly name: string
  readonly type: PrimitiveType
  /** The partition value of a row as text, over the table's columns. */
  readonly textSql: string
}

/** One partition spec of a table. @throws METADATA_INVALID when the table has none of that id */
export function specById(metadata: TableMetadata, specId: number): PartitionSpec {
  const spec = metadata['partition-specs'].find(candidate => candidate['spec-id'] === specId)
  if (spec !== undefined) return spec
  throw new IngotError('METADATA_INVALID', `table at ${metadata.location} has no partition spec ${specId}`, {
    context: { location: metadata.location, specId },
  })
}

/** What to compute for each field of a spec, in its order; names that no column of the table has. */
export function partitionColumnsOf(
  metadata: TableMetadata,
  spec: PartitionSpec,
  schema: Schema,
): PartitionColumn[] {
  const fields = fieldsById(schema)
  const taken = new Set(schema.fields.map(field => field.name.toLowerCase()))
  return partitionType(spec, metadata.schemas).map(({ field, type }, index) => {
    const source = fields.get(field['source-id'])
    let name = `__p${index}`
    while (taken.has(name)) name = `_${name}`
    // A source column that was dropped since has no values: its field is null, as with the void transform.
    if (source === undefined || !isPrimitive(source.field.type))
      return { name, type, textSql: 'NULL::VARCHAR' }
    return { name, type, textSql: finiteTextSql(field, source.field.type, pathSql(source.path)) }
  })
}

/** An infinite time is refused: as null it would be lost to readers who filter by time. */
function finiteTextSql(field: PartitionField, type: PrimitiveType, expression: string): string {
  const text = partitionTextSql(field.transform, type, expression)
  if (!canBeInfinite(type)) return text
  const message = quoteLiteral(`an infinite value cannot be partitioned by ${field.name}`)
  return `CASE WHEN NOT isfinite(${expression}) THEN error(${message}) ELSE ${text} END`
}

/** An expression for a column or a field of nested structs. */
function pathSql(path: readonly string[]): string {
  const [first = '', ...rest] = path
  return rest.reduce(
    (parent, name) => `struct_extract(${parent}, ${quoteLiteral(name)})`,
    quoteIdentifier(first),
  )
}

/** The name of a value's folder: marked, so that the empty string differs from null and a hash from a value. */
export function folderTextSql(textSql: string): string {
  const text = `(${textSql})`
  return `CASE WHEN octet_length(encode(${text})) <= ${FOLDER_TEXT_BYTES_MAX} THEN 'v' || ${text} WHEN ${text} IS NOT NULL THEN 'h' || md5(${text}) END`
}

/** The value's text; undefined when the folder's name is but its hash. */
export function textInFolder(folderText: string): string | undefined {
  return folderText.startsWith('v') ? folderText.slice(1) : undefined
}
