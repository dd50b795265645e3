import assert from 'node:assert/strict'
import { IngotError } from '../../../src/errors.ts'
import { planRun } from '../../../src/pipeline/plan-run.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import type { PipelineDependencies, PlanOptions } from '../../../src/pipeline/run-options.ts'
import type { TablePlan, TableReport } from '../../../src/pipeline/run-report.ts'
import { stageRollback } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { formatIdentifier, parseIdentifier } from '../../../src/table-identifier.ts'
import { describeLab, type LabChecks } from './lab-checks.ts'
import type { Declaration, PipelineLab } from './pipeline-lab.ts'

type Declarations = Readonly<Record<string, Declaration>>

const EVENTS = { columns: { id: 'INTEGER', name: 'VARCHAR' } }
const PLAIN: Declaration = { sql: 'select id, name from bronze.events' }
const NAMED: Declaration = { sql: 'select name, count(*) as n from silver.plain group by name' }
const LAKE: Declarations = {
  'bronze.events': EVENTS,
  'silver.plain': PLAIN,
  'silver.mapped': {
    from: 'bronze.events',
    map: 'row => [{ id: row.id }]',
    columns: { id: 'INTEGER' },
  },
  'silver.keyed': {
    from: 'bronze.events',
    map: 'row => [{ id: row.id, name: row.name }]',
    columns: { id: 'INTEGER', name: 'VARCHAR' },
    key: ['id'],
    orderBy: 'name',
  },
  'gold.names': NAMED,
}

function events(...rows: readonly (readonly [id: number, name: string])[]): string {
  return `SELECT * FROM (VALUES ${rows.map(([id, name]) => `(${id}, '${name}')`).join(', ')}) AS v(id, name)`
}

function short({ action, reason }: TablePlan | TableReport): string {
  return `${action}: ${reason}`
}

/** What a run may say of a table that was planned so: what the plan says, but for what only rows tell. */
function expected(plan: TablePlan): readonly RegExp[] {
  const verbatim = new RegExp(`^${short(plan).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
  return [
    verbatim,
    ...(plan.fullIf === undefined ? [] : [/^full: /]),
    // The inputs that it waits for may turn out to have the rows that they had.
    ...(plan.after.length === 0 ? [] : [/^skip: no input changed$/]),
  ]
}

interface Situation {
  readonly lab: PipelineLab
  readonly declarations: Declarations
  readonly options?: PlanOptions
  readonly dependencies?: PipelineDependencies
}

/** Plans and runs, asserts that both say the same of every table, and gives it. */
async function agree({ lab, declarations, options, dependencies = lab.dependencies }: Situation) {
  const lake = await lab.declare(declarations)
  const { tables } = await planRun(dependencies, lake, options)
  const report = await executeRun(dependencies, lake, options)
  assert.deepEqual(
    tables.map(({ table }) => table),
    report.tables.map(({ table }) => table),
  )
  for (const [index, plan] of tables.entries()) {
    const done = report.tables[index] ?? assert.fail()
    assert.ok(
      expected(plan).some(text => text.test(short(done))),
      `${short(done)} instead of ${short(plan)}`,
    )
    assert.equal(done.error?.hint, plan.hint, plan.table)
  }
  return {
    said: Object.fromEntries(tables.map(plan => [plan.table, short(plan)])),
    plans: new Map(tables.map(plan => [plan.table, plan])),
    reports: new Map(report.tables.map(table => [table.table, table])),
  }
}

const NEW = 'create: it is new'
const LOAD = 'load: its sources have something new'
const UNCHANGED = 'skip: no input changed'
const NOTHING_NEW = 'skip: its sources have nothing new'

const SITUATIONS: LabChecks = {
  'nothing is there yet, then nothing changed, then everything did': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    const made = await agree({ lab, declarations: LAKE })
    assert.deepEqual(made.said, {
      'bronze.events': 'load: it is new',
      'silver.plain': NEW,
      'silver.mapped': NEW,
      'silver.keyed': NEW,
      'gold.names': NEW,
    })
    assert.deepEqual(made.plans.get('gold.names')?.after, ['silver.plain'])
    const idle = await agree({ lab, declarations: LAKE })
    assert.deepEqual(idle.said, {
      'bronze.events': NOTHING_NEW,
      'silver.plain': UNCHANGED,
      'silver.mapped': UNCHANGED,
      'silver.keyed': UNCHANGED,
      'gold.names': UNCHANGED,
    })
    lab.load('bronze.events', events([2, 'b']))
    const changed = await agree({ lab, declarations: LAKE })
    assert.deepEqual(changed.said, {
      'bronze.events': LOAD,
      'silver.plain': 'append: row by row over bronze.events',
      'silver.mapped': 'append: row by row through its map function',
      'silver.keyed': 'keys: by id',
      'gold.names': 'keys: by name',
    })
    for (const table of ['silver.plain', 'silver.mapped', 'silver.keyed'])
      assert.deepEqual(changed.plans.get(table)?.after, ['bronze.events'], table)
    for (const { fullIf } of changed.plans.values()) assert.equal(fullIf, undefined)
  },

  'a source has no file yet': async lab => {
    const { said } = await agree({ lab, declarations: LAKE })
    assert.deepEqual([said['bronze.events'], said['silver.plain']], ['load: it is new', NEW])
    assert.deepEqual((await agree({ lab, declarations: LAKE })).said['bronze.events'], NOTHING_NEW)
  },

  'rows of an input are gone: what would recompute is foreseen, and the run says which rows': async lab => {
    lab.load('bronze.events', events([1, 'a'], [2, 'b']))
    await agree({ lab, declarations: LAKE })
    await lab.change('bronze.events', (staged, session) =>
      stageOverwrite(lab.context, session, staged, { filterSql: 'id = 2' }),
    )
    const { plans, reports } = await agree({ lab, declarations: LAKE })
    const ofMap = 'only the map function knows which rows it made of them'
    const reasons = {
      'silver.plain': 'the table has no key to find theirs by',
      'silver.mapped': ofMap,
      'silver.keyed': ofMap,
    }
    for (const [table, reason] of Object.entries(reasons)) {
      assert.equal(plans.get(table)?.fullIf, 'rows of bronze.events are gone or changed')
      assert.equal(
        short(reports.get(table) ?? assert.fail()),
        `full: 1 rows of bronze.events are gone or changed, and ${reason}`,
      )
    }
  },

  'files of an input were only written again: what might recompute does not': async lab => {
    lab.load('bronze.events', events([1, 'a'], [2, 'b']))
    await agree({ lab, declarations: LAKE })
    const rows = await lab.scan('bronze.events')
    await lab.change('bronze.events', (staged, session) =>
      stageOverwrite(lab.context, session, staged, { all: true, select: rows }),
    )
    const { plans, reports } = await agree({ lab, declarations: LAKE })
    assert.equal(plans.get('silver.mapped')?.fullIf, 'rows of bronze.events are gone or changed')
    assert.equal(reports.get('silver.mapped')?.action, 'append')
  },

  'a source cannot be read: its table and those that read it are left out, the others go on': async lab => {
    const declarations: Declarations = {
      ...LAKE,
      'bronze.others': EVENTS,
      'silver.others': { sql: 'select id from bronze.others' },
    }
    const { loader } = lab.dependencies
    const plan: typeof loader.plan = async (table, transaction) => {
      if (formatIdentifier(table.identifier) === 'bronze.events')
        throw new IngotError('SOURCE_CHANGED', 'a.ndjson was replaced', { hint: 'put it back' })
      return loader.plan(table, transaction)
    }
    const dependencies = { ...lab.dependencies, loader: { ...loader, plan } }
    lab.load('bronze.others', events([1, 'a']))
    const { said, reports } = await agree({ lab, declarations, dependencies })
    assert.deepEqual(said, {
      'bronze.events': 'refuse: a.ndjson was replaced',
      'silver.plain': 'refuse: bronze.events failed',
      'silver.mapped': 'refuse: bronze.events failed',
      'silver.keyed': 'refuse: bronze.events failed',
      'gold.names': 'refuse: bronze.events failed',
      'bronze.others': 'load: it is new',
      'silver.others': NEW,
    })
    assert.equal(reports.get('bronze.events')?.error?.code, 'SOURCE_CHANGED')
    assert.equal(reports.get('silver.plain')?.status, 'skipped')
  },

  'tables must be rebuilt: all of them are named at once, and one command does it': async lab => {
    const declarations: Declarations = {
      ...LAKE,
      'gold.top': { sql: 'select name from gold.names where n > 1' },
      'gold.readers': { sql: 'select n, count(*) as names from gold.names group by n' },
    }
    lab.load('bronze.events', events([1, 'a'], [2, 'a']))
    await agree({ lab, declarations })
    const changed: Declarations = {
      ...declarations,
      'silver.plain': { sql: 'select id, upper(name) as name from bronze.events' },
      'gold.top': { sql: 'select name from gold.names where n > 2' },
    }
    const command = 'ingot run --full-refresh silver.plain --full-refresh gold.top'
    const refused = await agree({ lab, declarations: changed })
    assert.deepEqual(refused.said, {
      'bronze.events': NOTHING_NEW,
      'silver.plain': 'refuse: its definition changed: column name is computed in another way or gone',
      'silver.mapped': UNCHANGED,
      'silver.keyed': UNCHANGED,
      'gold.names': 'refuse: silver.plain must be rebuilt first',
      'gold.top': 'refuse: its definition changed: the rows that it is made of, or its key, are others',
      'gold.readers': 'refuse: silver.plain must be rebuilt first',
    })
    for (const table of ['silver.plain', 'gold.top']) {
      assert.equal(refused.plans.get(table)?.hint, command)
      assert.equal(refused.reports.get(table)?.error?.code, 'PLAN_REFUSED')
    }
    const half = await agree({ lab, declarations: changed, options: { fullRefresh: ['silver.plain'] } })
    assert.equal(half.plans.get('gold.top')?.hint, 'ingot run --full-refresh gold.top')
    assert.equal(half.said['gold.names'], 'keys: by name')
    const whole = await agree({
      lab,
      declarations: changed,
      options: { fullRefresh: ['silver.plain', 'gold.top'] },
    })
    assert.equal(whole.said['gold.top'], 'full: a full refresh was asked for')
    assert.equal((await agree({ lab, declarations: changed })).said['gold.top'], UNCHANGED)
  },

  'a table got a further column': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await agree({ lab, declarations: LAKE })
    const wider = { ...LAKE, 'silver.plain': { sql: 'select id, name, id * 2 as twice from bronze.events' } }
    const { said } = await agree({ lab, declarations: wider })
    assert.equal(said['silver.plain'], 'full: its definition has new columns or expectations')
  },

  'a query has notes: the plan shows them': async lab => {
    const { tables, ...lake } = await lab.declare(LAKE)
    const notes = ['first() takes rows in an order that is not defined']
    const noted = tables.map(table => (table.kind === 'query' ? { ...table, notes } : table))
    const plan = await planRun(lab.dependencies, { ...lake, tables: noted })
    assert.deepEqual(
      plan.tables.flatMap(table => table.notes),
      [...notes, ...notes],
    )
  },

  'an input was never made, and is not to be': async lab => {
    const { said, plans, reports } = await agree({
      lab,
      declarations: LAKE,
      options: { tables: ['gold.names'] },
    })
    assert.deepEqual(said, { 'gold.names': 'refuse: it reads silver.plain, which was never made' })
    assert.equal(plans.get('gold.names')?.hint, 'run silver.plain first')
    assert.equal(reports.get('gold.names')?.error?.code, 'TABLE_NOT_FOUND')
  },

  'an input was dropped, and is made again by the run': async lab => {
    lab.load('bronze.events', events([1, 'a']))
    await agree({ lab, declarations: LAKE })
    const gone = await lab.snapshotId('bronze.events')
    await lab.context.catalog.dropTable(parseIdentifier('bronze.events'))
    lab.load('bronze.events', events([9, 'z']))
    const { said } = await agree({ lab, declarations: LAKE })
    const reason = `full: snapshot ${gone} of bronze.events, which it was made from, is gone`
    assert.deepEqual(
      [said['bronze.events'], said['silver.plain'], said['silver.mapped']],
      ['load: it is new', reason, reason],
    )
  },

  'an input was rolled back, and a lookup changes in the same run': async lab => {
    const declarations: Declarations = {
      'bronze.events': EVENTS,
      'bronze.lookup': { columns: { name: 'VARCHAR', label: 'VARCHAR' } },
      'silver.labelled': {
        sql: 'select e.id, l.label from bronze.events e join bronze.lookup l using (name)',
      },
      'gold.labels': {
        sql: 'select l.label, count(*) as n from bronze.events e join bronze.lookup l using (name) group by l.label',
      },
    }
    lab.load('bronze.events', events([1, 'a']))
    lab.load('bronze.lookup', "SELECT 'a' AS name, 'A' AS label")
    await agree({ lab, declarations })
    const first = await lab.snapshotId('bronze.events')
    lab.load('bronze.events', events([2, 'a']))
    await agree({ lab, declarations })
    await lab.change('bronze.events', async staged => stageRollback(staged, first ?? assert.fail()))
    lab.load('bronze.lookup', "SELECT 'b' AS name, 'B' AS label")
    const { said } = await agree({ lab, declarations })
    assert.equal(
      said['silver.labelled'],
      'full: bronze.lookup changed, and the table has no key to find its rows by',
    )
    assert.equal(said['gold.labels'], 'keys: by label')
    assert.deepEqual(await lab.rows('gold.labels'), ['{"label":"A","n":1}'])
  },
}

describeLab('a plan says what the run then reports', SITUATIONS)
