import assert from 'node:assert/strict'
import { createBranchCatalog } from '../../../src/catalog/branch-catalog.ts'
import type { Catalog, LoadedTable } from '../../../src/catalog/catalog.ts'
import { isIngotError } from '../../../src/errors.ts'
import type { PrimitiveValue } from '../../../src/format/manifest-types.ts'
import type { TableMetadata } from '../../../src/format/metadata-types.ts'
import { isUnpartitioned, partitionType } from '../../../src/format/partition-spec.ts'
import { currentSchema } from '../../../src/format/schema.ts'
import type { SchemaChange } from '../../../src/format/schema-evolution.ts'
import type { NestedField, PrimitiveType } from '../../../src/format/types.ts'
import { quoteIdentifier, quoteLiteral } from '../../../src/sql-text.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { specById } from '../../../src/table/partition-columns.ts'
import { type FileInSpec, writePositionDeletes } from '../../../src/table/position-deletes.ts'
import { deletesByPositionOf, type RowDeletes, writeRowDeletes } from '../../../src/table/row-deletes.ts'
import { planScan, type ScanTask } from '../../../src/table/scan.ts'
import { scanSql } from '../../../src/table/scan-sql.ts'
import { toSqlType } from '../../../src/table/sql-types.ts'
import { openTable, stagePartitioning, stageSchemaChange } from '../../../src/table/stage.ts'
import { type SnapshotDelta, stageDelta } from '../../../src/table/stage-delta.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { stageFastForward } from '../../../src/table/stage-refs.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { writeEqualityDelete } from '../../support/foreign-deletes.ts'
import type { TableLab } from '../../support/table-lab.ts'
import {
  columnValue,
  type KeyDelete,
  liveRows,
  type ModelRow,
  type ModelSnapshot,
  type Partition,
  partitionOf,
  printedRows,
  type Value,
} from './rows-model.ts'

/** Picks values of the columns of a new row. */
export type RowPick = readonly number[]

export type Step =
  | { readonly do: 'append'; readonly onBranch: boolean; readonly rows: readonly RowPick[] }
  /** As streams write: rows, and deletes of all older ones of their keys, in one commit. */
  | {
      readonly do: 'upsert'
      readonly onBranch: boolean
      readonly rows: readonly RowPick[]
      readonly columns: number
    }
  | {
      readonly do: 'delete-positions'
      readonly onBranch: boolean
      readonly picks: readonly number[]
      readonly style: 'partition' | 'file' | 'no bounds' | 'twice'
    }
  | {
      readonly do: 'delete-keys'
      readonly onBranch: boolean
      readonly columns: number
      readonly picks: readonly number[]
      readonly everywhere: boolean
    }
  | { readonly do: 'overwrite'; readonly onBranch: boolean; readonly picks: readonly number[] }
  /** As compaction does: some files anew, under the newest spec, their rows as old as what is there. */
  | { readonly do: 'rewrite'; readonly onBranch: boolean; readonly share: number }
  | {
      readonly do: 'schema'
      readonly change: 'add' | 'rename' | 'drop' | 'widen' | 'move'
      readonly pick: number
      readonly other: number
    }
  | { readonly do: 'partition'; readonly pick: number }
  | { readonly do: 'upgrade' }
  | { readonly do: 'fast-forward' }

const BRANCH = 'aside'
const [ID, P, N, D] = [1, 2, 3, 4] as const
/** Few, so that rows share keys and partitions. */
const VALUES: Readonly<Record<string, readonly Value[]>> = {
  string: [null, 'a', 'b', 'ab', '', 'é'],
  int: [null, '0', '1', '-7'],
  long: [null, '0', '1', '-7', '5000000000'],
  float: [null, '0.0', '-0.0', '1.5', 'NaN'],
  double: [null, '0.0', '-0.0', '1.5', 'NaN', '0.1'],
}
/** Names of dropped and renamed columns come again; some are what the engine calls its own. */
const NAMES = ['p', 'n', 'd', 'filename', 'file_row_number', 'pos', 'scope']
const HITS = { table: 'model_hits', file: '__file', row: '__row' }

interface Head {
  readonly catalog: Catalog
  snapshot: ModelSnapshot
  /** Of its history, oldest first. */
  snapshotIds: readonly bigint[]
}

/** Does steps to a table and to a model of it, and compares them. */
export class RowsModelDriver {
  readonly #lab: TableLab
  readonly #created: LoadedTable
  readonly #heads = new Map<string, Head>()
  readonly #past = new Map<bigint, ModelSnapshot>()
  readonly #defaults = new Map<number, Value>()
  #rowCount = 0
  #sequence = 0

  private constructor(lab: TableLab, created: LoadedTable) {
    this.#lab = lab
    this.#created = created
    const { catalog } = lab.context
    this.#heads.set('main', { catalog, snapshot: { rows: [], keyDeletes: [] }, snapshotIds: [] })
  }

  static async create(lab: TableLab, formatVersion: 2 | 3): Promise<RowsModelDriver> {
    const columns = { id: 'long', p: 'string', n: 'int', d: 'float' } as const
    return new RowsModelDriver(lab, await lab.create(columns, [], formatVersion))
  }

  async apply(step: Step): Promise<void> {
    if (step.do === 'schema') return await this.#changeSchema(step)
    if (step.do === 'partition') return await this.#changePartition(step.pick)
    if (step.do === 'upgrade') return await this.#upgrade()
    if (step.do === 'fast-forward') return await this.#fastForward()
    const head = this.#headOf(step.onBranch)
    const table = await this.#load(head)
    if (step.do === 'append') return await this.#append(head, table, step.rows)
    if (step.do === 'upsert') return await this.#append(head, table, step.rows, step.columns)
    if (step.do === 'delete-keys') return await this.#deleteKeys(head, table, step)
    if (step.do === 'rewrite') return await this.#rewrite(head, table, step.share)
    const ids = this.#pickIds(head, step.picks)
    if (ids.length === 0) return
    if (step.do === 'overwrite') return await this.#overwrite(head, table, ids)
    await this.#deletePositions(head, table, ids, step.style)
  }

  /** Compares the heads, whole and by one column, and every snapshot that ever was. */
  async check(): Promise<void> {
    for (const [name, head] of this.#heads) {
      const { metadata } = await this.#load(head)
      await this.#compare(metadata, head.snapshot, `${name} of ${this.#describe()}`)
      const [field] = currentSchema(metadata).fields.slice(-1)
      assert(field !== undefined)
      const expected = printedRows(
        head.snapshot,
        { ...currentSchema(metadata), fields: [field] },
        this.#defaults,
      )
      assert.deepEqual(await this.#lab.rows(metadata, { columns: [field.name] }), expected)
    }
    const { metadata } = await this.#load(this.#headOf(false))
    for (const [snapshotId, snapshot] of this.#past) {
      await this.#compare(metadata, snapshot, `snapshot ${snapshotId}`, snapshotId)
    }
  }

  async #compare(
    metadata: TableMetadata,
    snapshot: ModelSnapshot,
    what: string,
    snapshotId?: bigint,
  ): Promise<void> {
    const expected = printedRows(snapshot, currentSchema(metadata), this.#defaults)
    const found = await this.#lab.rows(metadata, snapshotId === undefined ? {} : { snapshotId })
    assert.deepEqual(found, expected, what)
  }

  #describe(): string {
    return this.#created.identifier.name
  }

  /** The branch comes with its first commit, from where main is. */
  #headOf(onBranch: boolean): Head {
    const main = this.#heads.get('main')
    assert(main !== undefined)
    if (!onBranch) return main
    const { snapshot, snapshotIds } = main
    const branch = this.#heads.get(BRANCH)
    return (
      branch ?? { catalog: createBranchCatalog(this.#lab.context.catalog, BRANCH), snapshot, snapshotIds }
    )
  }

  #load({ catalog }: Head): Promise<LoadedTable> {
    return catalog.loadTable(this.#created.identifier)
  }

  /** Commits a snapshot, whose rows are then those of the model. */
  async #commit(
    head: Head,
    staged: StagedTable,
    snapshot: (sequence: number) => ModelSnapshot,
  ): Promise<void> {
    const { metadata } = await this.#lab.commit(staged, head.catalog)
    this.#sequence += 1
    assert.equal(metadata['last-sequence-number'], this.#sequence)
    const snapshotId = metadata['current-snapshot-id']
    assert(typeof snapshotId === 'bigint')
    head.snapshot = snapshot(this.#sequence)
    head.snapshotIds = [...head.snapshotIds, snapshotId]
    this.#past.set(snapshotId, head.snapshot)
    if (this.#headOf(false) !== head) this.#heads.set(BRANCH, head)
  }

  async #commitDelta(
    head: Head,
    table: LoadedTable,
    delta: SnapshotDelta,
    snapshot: (sequence: number) => ModelSnapshot,
  ): Promise<void> {
    const staged = await stageDelta(this.#lab.context, openTable(table), delta)
    await this.#commit(head, staged, snapshot)
  }

  async #append(
    head: Head,
    table: LoadedTable,
    picks: readonly RowPick[],
    keyColumns?: number,
  ): Promise<void> {
    const { metadata } = table
    const { fields } = currentSchema(metadata)
    const rows = picks.map(pick => this.#newRow(fields, pick))
    const spec = specById(metadata, metadata['default-spec-id'])
    const select = rowsSql(fields, rows)
    const add = await writeDataFiles(this.#lab.context, this.#lab.session, metadata, { select })
    const deletes: Omit<KeyDelete, 'sequence'>[] = []
    if (keyColumns !== undefined) {
      const ids = keyIds(fields, keyColumns)
      for (const values of rows) {
        const partition = isUnpartitioned(spec) ? 'everywhere' : partitionOf(spec, values)
        deletes.push({ ids, keys: [ids.map(id => values.get(id) ?? null)], partition })
      }
    }
    const addDeletes: FileInSpec[] = []
    for (const each of deletes) addDeletes.push(await this.#writeKeys(table, each))
    await this.#commitDelta(head, table, { operation: 'overwrite', add, addDeletes }, sequence => ({
      rows: [
        ...head.snapshot.rows,
        ...rows.map(values => ({ values, sequence, partition: partitionOf(spec, values) })),
      ],
      keyDeletes: [...head.snapshot.keyDeletes, ...deletes.map(each => ({ ...each, sequence }))],
    }))
  }

  #newRow(fields: readonly NestedField[], pick: RowPick): ReadonlyMap<number, Value> {
    this.#rowCount += 1
    const id = String(this.#rowCount)
    return new Map(
      fields.map((field, index) => {
        const values = VALUES[String(field.type)] ?? []
        return [
          field.id,
          field.id === ID ? id : (values[(pick[index % pick.length] ?? 0) % values.length] ?? null),
        ]
      }),
    )
  }

  async #deleteKeys(
    head: Head,
    table: LoadedTable,
    { columns, picks, everywhere }: Extract<Step, { do: 'delete-keys' }>,
  ): Promise<void> {
    const { metadata } = table
    const { rows } = head.snapshot
    const [first] = picks
    const near = rows[(first ?? 0) % Math.max(1, rows.length)]
    if (near === undefined) return
    const ids = keyIds(currentSchema(metadata).fields, columns)
    // Also of rows that are deleted already, and keys that no row has.
    const keys = picks.map(pick => {
      const row = rows[pick % rows.length]
      const values = ids.map(id => (row === undefined ? null : columnValue(row, id, this.#defaults)))
      return pick % 7 === 0 ? values.map(() => null) : values
    })
    const isGlobal = everywhere || isUnpartitioned(specById(metadata, near.partition.specId))
    const partition = isGlobal ? 'everywhere' : near.partition
    const file = await this.#writeKeys(table, { ids, keys, partition })
    await this.#commitDelta(head, table, { operation: 'delete', addDeletes: [file] }, sequence => ({
      ...head.snapshot,
      keyDeletes: [...head.snapshot.keyDeletes, { ids, keys, partition, sequence }],
    }))
  }

  async #writeKeys(
    table: LoadedTable,
    { ids, keys, partition }: Omit<KeyDelete, 'sequence'>,
  ): Promise<FileInSpec> {
    const { metadata } = table
    const all = currentSchema(metadata).fields
    const fields = ids.flatMap(id => all.filter(field => field.id === id))
    const rows = keys.map(key => new Map(ids.map((id, index) => [id, key[index] ?? null])))
    // The first spec has no fields.
    const place = partition === 'everywhere' ? { specId: 0, values: [] } : partition
    return await writeEqualityDelete(this.#lab, table, {
      select: rowsSql(fields, rows),
      fieldIds: `{${fields.map(({ id, name }) => `${quoteIdentifier(name)}: ${id}`).join(', ')}}`,
      equalityIds: ids,
      specId: place.specId,
      partition: partitionValues(metadata, place),
    })
  }

  #pickIds(head: Head, picks: readonly number[]): readonly string[] {
    const rows = liveRows(head.snapshot, this.#defaults)
    if (rows.length === 0) return []
    return [...new Set(picks.map(pick => idOf(rows[pick % rows.length])))]
  }

  async #deletePositions(
    head: Head,
    table: LoadedTable,
    ids: readonly string[],
    style: Extract<Step, { do: 'delete-positions' }>['style'],
  ): Promise<void> {
    const { metadata } = table
    const { session, context } = this.#lab
    const plan = await planScan(context, metadata)
    const source = scanSql(metadata, plan, { columns: ['id'], positions: HITS })
    await session.query(
      `CREATE OR REPLACE TEMP TABLE ${HITS.table} AS SELECT ${HITS.file}, ${HITS.row} FROM (${source}) WHERE id IN (${ids.join(', ')})`,
    )
    const { rows } = await session.query(`SELECT DISTINCT ${HITS.file} FROM ${HITS.table}`)
    const paths = new Set(rows.map(([path]) => String(path)))
    const tasks = plan.tasks.filter(({ enginePath }) => paths.has(enginePath))
    const { add, remove } = await this.#writePositions(metadata, tasks, style)
    await this.#commitDelta(head, table, { operation: 'delete', addDeletes: add, remove }, () =>
      without(head.snapshot, ids),
    )
  }

  async #writePositions(
    metadata: TableMetadata,
    tasks: readonly ScanTask[],
    style: Extract<Step, { do: 'delete-positions' }>['style'],
  ): Promise<RowDeletes> {
    const { session, context } = this.#lab
    if (metadata['format-version'] > 2 || style === 'partition') {
      return await writeRowDeletes(context, session, metadata, tasks, HITS)
    }
    const add: FileInSpec[] = []
    for (const group of style === 'file' ? tasks.map(task => [task]) : [tasks]) {
      add.push(...(await writePositionDeletes(context, session, metadata, group, HITS)))
    }
    if (style === 'twice') add.push(...(await writePositionDeletes(context, session, metadata, tasks, HITS)))
    return { add: style === 'no bounds' ? add.map(withoutBounds) : add, remove: [] }
  }

  async #overwrite(head: Head, table: LoadedTable, ids: readonly string[]): Promise<void> {
    const before = await this.#filesOfRows(table.metadata)
    const staged = await stageOverwrite(this.#lab.context, this.#lab.session, openTable(table), {
      filterSql: `id IN (${ids.join(', ')})`,
    })
    const after = await this.#filesOfRows(staged.metadata)
    const moved = (row: ModelRow): boolean => before.get(idOf(row)) !== after.get(idOf(row))
    await this.#commit(head, staged, sequence => {
      const rest = without(head.snapshot, ids)
      return { ...rest, rows: this.#rewritten(table.metadata, rest, moved, sequence) }
    })
  }

  async #rewrite(head: Head, table: LoadedTable, share: number): Promise<void> {
    const { metadata } = table
    const plan = await planScan(this.#lab.context, metadata)
    const tasks = plan.tasks.filter((_, index) => (index + share) % 3 > 0)
    if (tasks.length === 0) return
    const paths = new Set(tasks.map(({ enginePath }) => enginePath))
    const files = await this.#filesOfRows(metadata)
    const add = await writeDataFiles(this.#lab.context, this.#lab.session, metadata, {
      select: scanSql(metadata, { ...plan, tasks }),
    })
    const dataSequenceNumber = metadata['last-sequence-number']
    const remove = tasks.flatMap(task => [task.entry, ...deletesByPositionOf(task)])
    const delta: SnapshotDelta = { operation: 'replace', add, remove, dataSequenceNumber }
    const moved = (row: ModelRow): boolean => paths.has(files.get(idOf(row)) ?? '')
    await this.#commitDelta(head, table, delta, () => ({
      ...head.snapshot,
      rows: this.#rewritten(metadata, head.snapshot, moved, dataSequenceNumber),
    }))
  }

  /** Rows in files that are written anew: only those that live. */
  #rewritten(
    metadata: TableMetadata,
    snapshot: ModelSnapshot,
    moved: (row: ModelRow) => boolean,
    sequence: number,
  ): readonly ModelRow[] {
    const live = new Set(liveRows(snapshot, this.#defaults))
    const { fields } = currentSchema(metadata)
    const spec = specById(metadata, metadata['default-spec-id'])
    return snapshot.rows.flatMap(row => {
      if (!moved(row)) return [row]
      if (!live.has(row)) return []
      const values = new Map(fields.map(({ id }) => [id, columnValue(row, id, this.#defaults)]))
      return [{ values, sequence, partition: partitionOf(spec, values) }]
    })
  }

  /** Which file each row is in, also of deleted rows. */
  async #filesOfRows(metadata: TableMetadata): Promise<ReadonlyMap<string, string>> {
    const plan = await planScan(this.#lab.context, metadata)
    const tasks = plan.tasks.map(task => ({ ...task, deletes: [] }))
    const source = scanSql(metadata, { ...plan, tasks }, { columns: ['id'], positions: HITS })
    const { rows } = await this.#lab.session.query(`SELECT id, ${HITS.file} FROM (${source})`)
    return new Map(rows.map(([id, file]) => [String(id), String(file)]))
  }

  async #changeSchema(step: Extract<Step, { do: 'schema' }>): Promise<void> {
    const table = await this.#load(this.#headOf(false))
    const { fields } = currentSchema(table.metadata)
    const name = NAMES.filter(each => fields.every(field => field.name !== each))[step.other % NAMES.length]
    if (step.change === 'add') {
      if (name !== undefined) await this.#addColumn(table, name, step.pick)
      return
    }
    const change = schemaChange(step, fields, name)
    if (change !== undefined) await this.#lab.commit(stageSchemaChange(openTable(table), [change]))
  }

  async #addColumn(table: LoadedTable, name: string, pick: number): Promise<void> {
    const { metadata } = table
    const schema = currentSchema(metadata)
    const type = (['int', 'string', 'float'] as const)[pick % 3] ?? 'int'
    const id = metadata['last-column-id'] + 1
    const value = metadata['format-version'] > 2 ? (VALUES[type]?.[pick % 4] ?? null) : null
    const json = value === null || type === 'string' ? value : Number(value)
    const initial =
      json === null || Number.isNaN(json) ? {} : { 'initial-default': json, 'write-default': json }
    if (Object.keys(initial).length > 0) this.#defaults.set(id, Object.is(json, -0) ? '0.0' : value)
    const field: NestedField = { id, name, required: false, type, ...initial }
    await this.#lab.commit({
      ...openTable(table),
      updates: [
        { action: 'add-schema', schema: { ...schema, fields: [...schema.fields, field] } },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
    })
  }

  async #changePartition(pick: number): Promise<void> {
    const table = await this.#load(this.#headOf(false))
    const { fields } = currentSchema(table.metadata)
    const [p = '', n = '', d = ''] = [P, N, D].map(id => fields.find(field => field.id === id)?.name)
    const specs = [[], [p], [`truncate(1, ${p})`], [n], [d, p], [`void(${p})`]]
    const staged = stagePartitioning(openTable(table), specs[pick % specs.length] ?? [])
    if (staged.updates.length > 0) await this.#lab.commit(staged)
  }

  async #upgrade(): Promise<void> {
    const table = await this.#load(this.#headOf(false))
    if (table.metadata['format-version'] > 2) return
    const updates = [{ action: 'upgrade-format-version', 'format-version': 3 }] as const
    await this.#lab.commit({ ...openTable(table), updates })
  }

  /** Main goes where the branch is, unless it went on by itself. */
  async #fastForward(): Promise<void> {
    const branch = this.#heads.get(BRANCH)
    if (branch === undefined) return
    const main = this.#headOf(false)
    const isBehind = main.snapshotIds.every((id, index) => branch.snapshotIds[index] === id)
    const table = await this.#load(main)
    const stage = (): StagedTable => stageFastForward(openTable(table), BRANCH)
    if (!isBehind) {
      assert.throws(stage, error => isIngotError(error, 'REQUEST_INVALID'))
      return
    }
    const staged = stage()
    if (staged.updates.length > 0) await this.#lab.commit(staged)
    main.snapshot = branch.snapshot
    main.snapshotIds = branch.snapshotIds
  }
}

function schemaChange(
  { change, pick, other }: Extract<Step, { do: 'schema' }>,
  fields: readonly NestedField[],
  name: string | undefined,
): SchemaChange | undefined {
  const others = fields.filter(({ id }) => id !== ID)
  const droppable = others.filter(({ id }) => id > D)
  const widenable = others.filter(({ type }) => type === 'int' || type === 'float')
  const from = change === 'drop' ? droppable : change === 'widen' ? widenable : others
  const field = from[pick % Math.max(1, from.length)]
  if (field === undefined) return undefined
  const path = [field.name]
  if (change === 'drop') return { type: 'drop', path }
  if (change === 'widen') return { type: 'widen', path, to: field.type === 'int' ? 'long' : 'double' }
  if (change === 'rename') return name === undefined ? undefined : { type: 'rename', path, name }
  const after = fields[other % fields.length]?.name ?? null
  return after === field.name ? { type: 'move', path, after: null } : { type: 'move', path, after }
}

/** A choice of columns, one at least. */
function keyIds(fields: readonly NestedField[], columns: number): readonly number[] {
  const chosen = fields.filter((_, index) => ((columns >> (index % 8)) & 1) === 1).map(({ id }) => id)
  return chosen.length > 0 ? chosen : [ID]
}

function rowsSql(fields: readonly NestedField[], rows: readonly ReadonlyMap<number, Value>[]): string {
  const selects = rows.map(row => {
    const values = fields.map(({ id, name, type }) => {
      const value = row.get(id) ?? null
      const literal = value === null ? 'NULL' : quoteLiteral(value)
      return `CAST(${literal} AS ${toSqlType(type)}) AS ${quoteIdentifier(name)}`
    })
    return `SELECT ${values.join(', ')}`
  })
  return selects.join(' UNION ALL ')
}

function partitionValues(metadata: TableMetadata, { specId, values }: Partition): (PrimitiveValue | null)[] {
  return partitionType(specById(metadata, specId), metadata.schemas).map(({ type }, index) => {
    const value = values[index] ?? null
    return value === null ? null : primitiveOf(type, value)
  })
}

function primitiveOf(type: PrimitiveType, text: string): PrimitiveValue {
  if (type === 'long') return BigInt(text)
  return type === 'string' ? text : Number(text)
}

function withoutBounds({ specId, file }: FileInSpec): FileInSpec {
  const { lowerBounds, upperBounds, referencedDataFile, ...rest } = file
  assert(lowerBounds !== undefined && upperBounds !== undefined)
  return { specId, file: rest }
}

function without(snapshot: ModelSnapshot, ids: readonly string[]): ModelSnapshot {
  return { ...snapshot, rows: snapshot.rows.filter(row => !ids.includes(idOf(row))) }
}

function idOf(row: ModelRow | undefined): string {
  return row?.values.get(ID) ?? ''
}
