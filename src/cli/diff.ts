import { schemaById } from '../format/schema.ts'
import { diffSchemas } from '../format/schema-diff.ts'
import type { Schema } from '../format/types.ts'
import { planChanges } from '../table/changes.ts'
import type { EngineSession } from '../table/engine.ts'
import { diffRows } from '../table/row-diff.ts'
import type { TableContext } from '../table/staged-table.ts'
import { parseIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { diffKey } from './diff-key.ts'
import { type DiffPoints, joinedMetadata, loadDiffPoints } from './diff-points.ts'
import { type ComparedRows, describeDiff, diffToJson } from './diff-text.ts'
import { exactJsonSql } from './exact-json.ts'
import { openProject } from './open-project.ts'
import type { TableAtPoint } from './table-at-point.ts'

const LIMIT = 20

export const diffCommand: Command = {
  name: 'diff',
  summary: 'show how the rows and columns of a table differ between two snapshots, times, branches or tags',
  positionals: '<table>',
  positionalsCount: [1, 1],
  options: {
    from: {
      config: { type: 'string' },
      value: '<point>',
      help: 'a snapshot id, a time, transaction:<id>, a branch or a tag (default: before the last change of rows)',
    },
    to: { config: { type: 'string' }, value: '<point>', help: 'the same (default: now)' },
    key: {
      config: { type: 'string' },
      value: '<column,…>',
      help: 'columns by which a row is known, to tell changed rows (default: the key of the table)',
    },
    limit: { config: { type: 'string' }, value: '<rows>', help: `rows shown (default: ${LIMIT})` },
  },
  examples: [
    'ingot diff silver.flights',
    'ingot diff silver.flights --from transaction:7',
    'ingot diff gold.hub_load --from main --to audit --limit 100',
    'ingot diff silver.flights --from closed-2026-01 --to 2026-03-01 --json',
  ],
  run: async input => {
    const limit = input.count('limit', LIMIT)
    await using platform = await openProject(input)
    const points = await loadDiffPoints(platform.context, parseIdentifier(input.positionals[0] ?? ''), {
      from: input.text('from'),
      to: input.text('to'),
    })
    // Before the session: reading lake.ts takes one too, and there may be no second worker.
    const { identifier } = points.to
    const key = await diffKey(platform, { identifier, schema: schemaOf(points.to) }, input.text('key'))
    await platform.engine.session({ signal: input.signal, label: 'diff' }, async session => {
      const rows = await compareRows(platform.context, session, points, { key, limit, isJson: input.json })
      report(input, points, rows)
    })
    return EXIT.ok
  },
}

const schemaOf = ({ metadata, schemaId }: TableAtPoint): Schema => schemaById(metadata, schemaId)

interface Comparison {
  readonly key: readonly string[] | undefined
  readonly limit: number
  readonly isJson: boolean
}

async function compareRows(
  context: TableContext,
  session: EngineSession,
  points: DiffPoints,
  { key, limit, isJson }: Comparison,
): Promise<ComparedRows> {
  const { from, to } = points
  const metadata = joinedMetadata(points)
  const changes = await planChanges(context, metadata, {
    fromSnapshotId: from.snapshot?.['snapshot-id'] ?? null,
    toSnapshotId: to.snapshot?.['snapshot-id'] ?? null,
  })
  const { counts, sql } = await diffRows(session, metadata, changes, key)
  const limited = `${sql} LIMIT ${limit}`
  const sample = await session.query(limited)
  if (!isJson) return { key, counts, sample }
  // The engine writes values of every type as ingot query --json does.
  const exact = exactJsonSql(limited, sample.columns)
  return { key, counts, sample: await session.query(`SELECT to_json(r)::VARCHAR FROM (${exact}) AS r`) }
}

function report(input: CommandInput, points: DiffPoints, rows: ComparedRows): void {
  const schema = diffSchemas(schemaOf(points.from), schemaOf(points.to))
  if (input.json) input.terminal.out(diffToJson(points, schema, rows))
  else for (const text of describeDiff(points, schema, rows)) input.terminal.out(text)
}
