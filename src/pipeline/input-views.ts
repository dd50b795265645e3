import type { Expression } from '../format/expression.ts'
import { currentSchema } from '../format/schema.ts'
import type { Lake, LakeColumn } from '../lake/lake.ts'
import { quoteIdentifier, quoteTable } from '../sql-text.ts'
import { type Changes, changesSql } from '../table/changes.ts'
import type { EngineSession } from '../table/engine.ts'
import { planScan, type ScanPlan } from '../table/scan.ts'
import { scanSql } from '../table/scan-sql.ts'
import { toSqlType } from '../table/sql-types.ts'
import type { TableContext } from '../table/staged-table.ts'
import { identifierKey, type TableIdentifier } from '../table-identifier.ts'
import { ADDED_SCHEMA, changedRelation, OLD_SCHEMA, REMOVED_SCHEMA } from './from-tree.ts'
import type { InputState } from './input-changes.ts'
import { keepRows } from './kept-rows.ts'
import type { ReadColumns } from './query-analysis.ts'

/** How many rows an input lost and got. */
export interface ChangedRows {
  readonly removed: number
  readonly added: number
}

const NO_ROWS: ScanPlan = { snapshot: undefined, tasks: [], prunedFileCount: 0, prunedManifestCount: 0 }
const ADDED_SIDE = 'ingot_added_side'
const REMOVED_SIDE = 'ingot_removed_side'
const NO_CHANGES: Changes = { removed: NO_ROWS, added: NO_ROWS }

/** The relation of a session that has rows by which an input changed. */
export function changedRelationSql(input: number, which: 'removed' | 'added'): string {
  return quoteTable(changedRelation(input, which === 'removed' ? 'old' : 'new'))
}

/** Makes the inputs of one refresh readable in its session, under the names that its queries use. */
export class InputViews {
  readonly #context: TableContext
  readonly #session: EngineSession
  readonly #lake: Lake
  readonly #schemas = new Set<string>()

  constructor(context: TableContext, session: EngineSession, lake: Lake) {
    this.#context = context
    this.#session = session
    this.#lake = lake
  }

  /** The newest rows of an input, under its own name; files that `filter` rules out are left out. */
  async createNew(input: InputState, filter?: Expression): Promise<void> {
    await this.#createView(input, input.identifier, input.snapshotId, filter)
  }

  /** The rows that the table was made from last. */
  async createOld(input: InputState): Promise<void> {
    const name = { namespace: [OLD_SCHEMA], name: String(input.input) }
    await this.#createView(input, name, input.previous?.snapshotId ?? null)
  }

  /**
   * The rows by which an input changed, in the columns that `reads` says (all without it): others are null. Where rows were written
   * again, the two sides are compared once and kept.
   */
  async createChanges(input: InputState, reads?: ReadColumns): Promise<ChangedRows> {
    const changes = input.changes === undefined || input.changes === 'expired' ? NO_CHANGES : input.changes
    const { kind, addedSql, removedSql } = changesSql(input.metadata, changes)
    await this.#createSchema(ADDED_SCHEMA)
    await this.#createSchema(REMOVED_SCHEMA)
    const columns = this.#selectList(input, reads?.get(input.input) ?? 'all')
    const added = changedRelationSql(input.input, 'added')
    const removed = changedRelationSql(input.input, 'removed')
    if (kind !== 'mixed') {
      await this.#session.query(`CREATE VIEW ${added} AS SELECT ${columns} FROM (${addedSql})`)
      const rows = changes.added.tasks.reduce((sum, { entry }) => sum + entry.file.recordCount, 0)
      return { removed: 0, added: rows }
    }
    // Both sides are read once, and then compared from memory.
    await keepRows(this.#session, ADDED_SIDE, `SELECT ${columns} FROM (${addedSql})`)
    await keepRows(this.#session, REMOVED_SIDE, `SELECT ${columns} FROM (${removedSql})`)
    const counts = {
      removed: await keepRows(this.#session, removed, `FROM ${REMOVED_SIDE} EXCEPT ALL FROM ${ADDED_SIDE}`),
      added: await keepRows(this.#session, added, `FROM ${ADDED_SIDE} EXCEPT ALL FROM ${REMOVED_SIDE}`),
    }
    for (const side of [ADDED_SIDE, REMOVED_SIDE]) await this.#session.query(`DROP TABLE ${side}`)
    return counts
  }

  async #createView(
    input: InputState,
    name: TableIdentifier,
    snapshotId: bigint | null,
    filter?: Expression,
  ): Promise<void> {
    const plan =
      snapshotId === null
        ? NO_ROWS
        : await planScan(this.#context, input.metadata, {
            snapshotId,
            ...(filter === undefined ? {} : { filter }),
          })
    const { fields } = currentSchema(input.metadata)
    const declared = new Set(this.#columnsOf(input).map(column => column.name))
    const read = fields.filter(field => declared.has(field.name)).map(field => field.name)
    const rows = scanSql(input.metadata, plan, read.length > 0 ? { columns: read } : {})
    await this.#createSchema(name.namespace.join('.'))
    await this.#session.query(
      `CREATE OR REPLACE VIEW ${quoteTable(name)} AS SELECT ${this.#selectList(input)} FROM (${rows})`,
    )
  }

  /** The declared columns. Those that are not read are null, and so are those that the table gets with its next load. */
  #selectList(input: InputState, read: ReadonlySet<string> | 'all' = 'all'): string {
    const names = new Set(currentSchema(input.metadata).fields.map(field => field.name))
    return this.#columnsOf(input)
      .map(({ name, type }) => {
        const isRead = names.has(name) && (read === 'all' || read.has(name.toLowerCase()))
        const column = quoteIdentifier(name)
        return isRead ? column : `CAST(NULL AS ${toSqlType(type)}) AS ${column}`
      })
      .join(', ')
  }

  /** The declared columns: what a source brought beyond them is not what the queries were checked against. */
  #columnsOf({ identifier, metadata }: InputState): readonly LakeColumn[] {
    const key = identifierKey(identifier)
    const declared = this.#lake.tables.find(table => identifierKey(table.identifier) === key)
    return declared?.columns ?? currentSchema(metadata).fields
  }

  async #createSchema(name: string): Promise<void> {
    if (this.#schemas.has(name)) return
    this.#schemas.add(name)
    await this.#session.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name)}`)
  }
}
