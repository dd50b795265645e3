import type { LoadedTable } from '../../src/catalog/catalog.ts'
import type { DataFile } from '../../src/format/manifest-types.ts'
import { quoteLiteral } from '../../src/sql-text.ts'
import type { FileInSpec } from '../../src/table/position-deletes.ts'
import { openTable } from '../../src/table/stage.ts'
import { stageDelta } from '../../src/table/stage-delta.ts'
import type { TableLab } from './table-lab.ts'

/** An equality delete file as other engines write it. */
export interface EqualityDelete {
  /** The keys, with columns as `fieldIds` names them. */
  readonly select: string
  /** The FIELD_IDS option of COPY: `{id: 1}`. */
  readonly fieldIds: string
  readonly equalityIds: readonly number[]
  /** @default the table's default spec */
  readonly specId?: number
  /** @default one that is not partitioned */
  readonly partition?: DataFile['partition']
}

/** Commits equality deletes, which Ingot reads and never writes. */
export async function commitEqualityDeletes(
  lab: TableLab,
  table: LoadedTable,
  ...deletes: readonly EqualityDelete[]
): Promise<LoadedTable> {
  const addDeletes = []
  for (const each of deletes) addDeletes.push(await writeEqualityDelete(lab, table, each))
  return lab.commit(await stageDelta(lab.context, openTable(table), { operation: 'delete', addDeletes }))
}

/** Writes one file of equality deletes, and commits nothing. */
export async function writeEqualityDelete(
  lab: TableLab,
  { metadata }: LoadedTable,
  { select, fieldIds, equalityIds, specId, partition }: EqualityDelete,
): Promise<FileInSpec> {
  await lab.context.io.makeFolder(`${metadata.location}/data`)
  const filePath = `${metadata.location}/data/${crypto.randomUUID()}-eq-deletes.parquet`
  const path = quoteLiteral(lab.context.io.toEnginePath(filePath))
  const { rows } = await lab.session.query(
    `COPY (${select}) TO ${path} (FORMAT parquet, FIELD_IDS ${fieldIds})`,
  )
  const stat = await lab.context.io.stat(filePath)
  const file: DataFile = {
    content: 'equality-deletes',
    filePath,
    fileFormat: 'PARQUET',
    partition: partition ?? [],
    recordCount: Number(rows[0]?.[0] ?? 0),
    fileSizeBytes: stat?.sizeBytes ?? 0,
    equalityIds,
  }
  return { specId: specId ?? metadata['default-spec-id'], file }
}
