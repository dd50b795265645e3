import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { branchCommand } from '../../../src/cli/branch.ts'
import { diffCommand } from '../../../src/cli/diff.ts'
import { tagCommand } from '../../../src/cli/tag.ts'
import { loadConfig } from '../../../src/config.ts'
import type { SchemaChange } from '../../../src/format/schema-evolution.ts'
import type { NestedField } from '../../../src/format/types.ts'
import { openPlatform, type Platform } from '../../../src/platform.ts'
import { writeDataFiles } from '../../../src/table/data-files.ts'
import { stageSchemaChange } from '../../../src/table/stage.ts'
import { stageAppend } from '../../../src/table/stage-delta.ts'
import type { StagedTable } from '../../../src/table/staged-table.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { CommandLab } from './command-lab.ts'

// One table that no declaration knows, as another engine makes and changes it: states of it are compared across its columns.

const PARTS = { namespace: ['gold'], name: 'parts' }
const NAME = 'gold.parts'

let lab: CommandLab
before(async () => {
  lab = await CommandLab.withLake()
  await using platform = await platformOn()
  await platform.context.catalog.createNamespace(['gold'])
  const field = (id: number, name: string, type: NestedField['type']): NestedField => ({
    ...{ id, name, type },
    required: id === 1,
  })
  await platform.context.catalog.createTable({
    identifier: PARTS,
    schema: {
      type: 'struct',
      'schema-id': 0,
      'identifier-field-ids': [1],
      fields: [
        field(1, 'part', 'string'),
        field(2, 'pieces', 'int'),
        field(3, 'price', 'decimal(4, 2)'),
        field(4, 'box', {
          type: 'struct',
          fields: [
            { id: 5, name: 'weight', type: 'float', required: false },
            { id: 6, name: 'colour', type: 'string', required: false },
          ],
        }),
      ],
    },
  })
  await append(
    `SELECT * FROM (VALUES
      ('bolt', 1, 1.25, {'weight': 0.5::FLOAT, 'colour': 'red'}),
      ('nut', 2, 2.5, {'weight': 1.5::FLOAT, 'colour': 'blue'})) AS t(part, pieces, price, box)`,
  )
  await lab.good(tagCommand, 'create', 'narrow', NAME)
})
after(() => lab[Symbol.asyncDispose]())

function platformOn(branch?: string): Promise<Platform> {
  const config = loadConfig(lab.project, { INGOT_LOG_LEVEL: 'silent' })
  return openPlatform(config, branch === undefined ? {} : { branch })
}

/** Commits what `stage` makes of the table, on a branch when one is named. */
async function commit(
  stage: (platform: Platform, staged: StagedTable) => Promise<StagedTable>,
  branch?: string,
): Promise<void> {
  await using platform = await platformOn(branch)
  const transaction = new Transaction(platform.context)
  await transaction.update(PARTS, async staged => stage(platform, staged ?? assert.fail('no table')))
  await transaction.commit({ idempotencyKey: randomUUID() })
}

function append(select: string, branch?: string): Promise<void> {
  return commit(
    ({ context, engine }, staged) =>
      engine.session({ label: 'test' }, async session =>
        stageAppend(context, staged, await writeDataFiles(context, session, staged.metadata, { select })),
      ),
    branch,
  )
}

function evolve(...changes: readonly SchemaChange[]): Promise<void> {
  return commit(async (_platform, staged) => stageSchemaChange(staged, changes))
}

interface ShownDiff {
  readonly columns: Readonly<Record<'added' | 'removed' | 'renamed' | 'retyped', readonly object[]>>
  readonly rows: object
  readonly sample: readonly Readonly<Record<string, unknown>>[]
}

async function diff(...points: readonly string[]): Promise<ShownDiff> {
  return JSON.parse(await lab.good(diffCommand, NAME, ...points, '--json'))
}

const rowsOf = ({ sample }: ShownDiff, ...columns: readonly string[]): readonly unknown[] =>
  sample.map(row => ['change', ...columns].map(column => row[column]))

test('a renamed column is told as such, and no row has changed by it', async () => {
  await evolve(
    { type: 'rename', path: ['pieces'], name: 'count' },
    { type: 'rename', path: ['box', 'colour'], name: 'color' },
  )
  await append(
    `SELECT 'cog' AS part, 3 AS count, 3.5 AS price, {'weight': 2.5::FLOAT, 'color': 'green'} AS box`,
  )
  const forward = await diff('--from', 'narrow')
  assert.deepEqual(forward.columns, {
    added: [],
    removed: [],
    renamed: [
      { from: 'pieces', to: 'count' },
      { from: 'box.colour', to: 'box.color' },
    ],
    retyped: [],
  })
  assert.deepEqual(forward.rows, { key: ['part'], added: 1, removed: 0, changed: 0 })
  assert.deepEqual(rowsOf(forward, 'part', 'count', 'box'), [
    ['+', 'cog', 3, { weight: 2.5, color: 'green' }],
  ])
  const back = await diff('--from', 'main', '--to', 'narrow')
  assert.deepEqual(rowsOf(back, 'part', 'pieces', 'box'), [['-', 'cog', 3, { weight: 2.5, colour: 'green' }]])
  assert.match(
    await lab.good(diffCommand, NAME, '--from', 'narrow'),
    /^columns +pieces is renamed to count$/m,
  )
})

test('widened columns are compared by their values, in both directions', async () => {
  await evolve(
    { type: 'widen', path: ['count'], to: 'long' },
    { type: 'widen', path: ['price'], to: 'decimal(9, 2)' },
    { type: 'widen', path: ['box', 'weight'], to: 'double' },
  )
  await append(
    `SELECT 'gear' AS part, 5000000000 AS count, 1234567.25 AS price, {'weight': 1e300, 'color': NULL} AS box`,
  )
  const forward = await diff('--from', 'narrow')
  assert.deepEqual(forward.columns.retyped, [
    { name: 'count', from: 'INTEGER', type: 'BIGINT' },
    { name: 'price', from: 'DECIMAL(4,2)', type: 'DECIMAL(9,2)' },
    { name: 'box.weight', from: 'FLOAT', type: 'DOUBLE' },
  ])
  assert.deepEqual(forward.rows, { key: ['part'], added: 2, removed: 0, changed: 0 })
  const back = await diff('--from', 'main', '--to', 'narrow')
  assert.deepEqual(back.rows, { key: ['part'], added: 0, removed: 2, changed: 0 })
  assert.deepEqual(rowsOf(back, 'part', 'pieces', 'price'), [
    ['-', 'cog', '3', '3.50'],
    ['-', 'gear', '5000000000', '1234567.25'],
  ])
})

test('a column that was dropped and one of the same name that came are two, and the rows of old have nothing in it', async () => {
  await lab.good(tagCommand, 'create', 'before-drop', NAME)
  await evolve({ type: 'drop', path: ['price'] }, { type: 'add', path: ['price'], fieldType: 'string' })
  await append(`SELECT 'pin' AS part, 1 AS count, 'cheap' AS price, NULL AS box`)
  const forward = await diff('--from', 'before-drop')
  assert.deepEqual(forward.columns, {
    added: [{ name: 'price', type: 'VARCHAR' }],
    removed: [{ name: 'price', type: 'DECIMAL(9,2)' }],
    renamed: [],
    retyped: [],
  })
  assert.deepEqual(forward.rows, { key: ['part'], added: 1, removed: 0, changed: 0 })
  assert.deepEqual(rowsOf(forward, 'part', 'price'), [['+', 'pin', 'cheap']])
  const back = await diff('--from', 'main', '--to', 'before-drop')
  assert.deepEqual(rowsOf(back, 'part', 'price'), [['-', 'pin', null]])
})

test('between branches whose rows were written under different columns', async () => {
  await lab.good(branchCommand, 'create', 'audit', NAME)
  await append(`SELECT 'rod' AS part, 7 AS count, 'dear' AS price, NULL AS box`, 'audit')
  await evolve({ type: 'rename', path: ['count'], name: 'number' })
  await append(`SELECT 'cap' AS part, 8 AS number, 'fair' AS price, NULL AS box`)
  const toAudit = await diff('--from', 'main', '--to', 'audit')
  assert.deepEqual(toAudit.columns.renamed, [{ from: 'number', to: 'count' }])
  assert.deepEqual(rowsOf(toAudit, 'part', 'count', 'price'), [
    ['-', 'cap', '8', 'fair'],
    ['+', 'rod', '7', 'dear'],
  ])
  const toMain = await diff('--from', 'audit', '--to', 'main')
  assert.deepEqual(rowsOf(toMain, 'part', 'number'), [
    ['+', 'cap', '8'],
    ['-', 'rod', '7'],
  ])
})
