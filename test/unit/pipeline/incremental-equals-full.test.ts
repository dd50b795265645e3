import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Lake, LakeColumn } from '../../../src/lake/lake.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import { stageRollback } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { formatIdentifier, parseIdentifier } from '../../../src/table-identifier.ts'
import { type Declaration, openLabEngine, PipelineLab } from './pipeline-lab.ts'

/** How many batches of changes are tried, in all. */
const CASES = Number(process.env.INGOT_CASES ?? 20)
/** Of one lake, one after the other. */
const STEPS = 5
/** Lakes at once: one core is left idle while the other works on a run. */
const SIDE_BY_SIDE = 2

const EVENT_COLUMNS = {
  id: 'INTEGER',
  customer: 'VARCHAR',
  kind: 'VARCHAR',
  amount: 'DOUBLE',
  ts: 'TIMESTAMP',
  _source: 'VARCHAR',
  _source_partition: 'INTEGER',
  _position: 'BIGINT',
}

/** A table under test and, where it is not the query itself, what SQL has all its rows, over views of the tables before it. */
interface Case {
  readonly declaration: Declaration
  readonly expected?: string
  readonly quarantine?: string
}

const LATEST_ROWS = `select e.id, e.customer, e.kind, e.amount, c.region, e.ts, e._source, e._source_partition, e._position, row_number() over (
    partition by e.id order by e.ts desc nulls last, e._source desc nulls last, e._source_partition desc nulls last, e._position desc nulls last,
      e.id desc nulls last, e.customer desc nulls last, e.kind desc nulls last, e.amount desc nulls last, c.region desc nulls last) as r
  from bronze.events e left join bronze.customers c on c.customer = e.customer where e.amount is not null and e.id is not null`

const CASES_BY_TABLE: Readonly<Record<string, Case>> = {
  'bronze.events': { declaration: { columns: EVENT_COLUMNS } },
  'bronze.customers': { declaration: { columns: { customer: 'VARCHAR', region: 'VARCHAR' } } },
  'silver.projected': {
    declaration: {
      sql: 'select id, customer, amount * 2 as amount from bronze.events where kind is not null',
      expect: { small: ['amount < 8', 'quarantine'], known: ['customer is not null', 'drop'] },
    },
    expected:
      'select id, customer, amount * 2 as amount from bronze.events where kind is not null and customer is not null and amount * 2 < 8',
    quarantine:
      'select id, customer, amount * 2 as amount from bronze.events where kind is not null and (amount * 2 < 8) is not true',
  },
  'silver.latest': {
    declaration: {
      sql: 'select e.id, e.customer, e.kind, e.amount, c.region from bronze.events e left join bronze.customers c on c.customer = e.customer',
      key: ['id'],
      orderBy: 'e.ts',
      deleteWhen: "e.kind = 'gone'",
      expect: { counted: ['amount is not null', 'quarantine'], named: ['id is not null', 'drop'] },
      partitionBy: ['truncate(2, id)'],
    },
    expected: `select id, customer, kind, amount, region from (${LATEST_ROWS}) where r = 1 and (kind = 'gone') is not true`,
    quarantine:
      'select e.id, e.customer, e.kind, e.amount, c.region from bronze.events e left join bronze.customers c on c.customer = e.customer where e.amount is null',
  },
  'silver.windowed': {
    declaration: {
      sql: 'select id, customer, ts, count(*) over (partition by customer) as n, max(amount) over (partition by customer) as m from bronze.events',
    },
  },
  'silver.kinds': { declaration: { sql: 'select distinct customer, kind from bronze.events' } },
  'silver.days': {
    declaration: {
      sql: "select date_trunc('day', e.ts) as day, c.region, count(*) as n, avg(e.amount) as amount from bronze.events e join bronze.customers c using (customer) group by all",
      partitionBy: ['day(day)'],
    },
  },
  // By a column that is null for rows without a partner: a customer who comes or goes moves rows between groups.
  'silver.places': {
    declaration: {
      sql: 'select c.region, count(*) as n, sum(e.id) as s from bronze.events e left join bronze.customers c using (customer) group by c.region',
    },
  },
  'silver.mapped': {
    declaration: {
      from: 'bronze.events',
      map: "row => row.id === null ? [] : [{ id: row.id, word: row.kind + '!' }, { id: row.id, word: 'again' }]",
      columns: { id: 'INTEGER', word: 'VARCHAR' },
      expect: { even: ['id % 2 = 0', 'quarantine'] },
    },
    expected:
      "select id, word from (select id, coalesce(kind, 'null') || '!' as word from bronze.events union all select id, 'again' from bronze.events) where id is not null and id % 2 = 0",
    quarantine:
      "select id, word from (select id, coalesce(kind, 'null') || '!' as word from bronze.events union all select id, 'again' from bronze.events) where id is not null and id % 2 <> 0",
  },
  'silver.mapped_latest': {
    declaration: {
      from: 'bronze.events',
      map: 'row => [{ customer: row.customer, id: row.id, amount: row.amount }]',
      columns: { customer: 'VARCHAR', id: 'INTEGER', amount: 'DOUBLE' },
      key: ['customer'],
      orderBy: 'amount',
      expect: { named: ['id is not null', 'quarantine'] },
    },
    expected:
      'select customer, id, amount from bronze.events where id is not null qualify row_number() over (partition by customer order by amount desc nulls last, id desc nulls last) = 1',
    quarantine: 'select customer, id, amount from bronze.events where id is null',
  },
  'gold.regions': {
    declaration: {
      sql: 'select region, count(*) as n, sum(amount) as amount from silver.latest group by region',
    },
  },
  'gold.shares': {
    declaration: {
      sql: 'select region, n, n > 1 as large, sum(n) over (partition by n > 1) as of_all from gold.regions',
    },
  },
  'gold.everything': { declaration: { sql: 'select count(*) as n, max(of_all) as most from gold.shares' } },
  'gold.ranked': {
    declaration: {
      sql: 'select k.customer, k.kind, r.n from silver.kinds k left join silver.windowed r on r.customer = k.customer',
      key: ['customer', 'kind'],
      orderBy: 'r.n',
    },
    expected:
      'select k.customer, k.kind, max(r.n) as n from silver.kinds k left join silver.windowed r on r.customer = k.customer group by all',
  },
}

const NAMES = Object.keys(CASES_BY_TABLE)
const DERIVED = NAMES.filter(name => !name.startsWith('bronze.'))

const event = fc.record({
  id: fc.constantFrom('1', '2', '3', '4', '5', '6', 'NULL'),
  customer: fc.constantFrom("'ann'", "'bob'", "'cid'", 'NULL'),
  kind: fc.constantFrom("'new'", "'gone'", "'old'", 'NULL'),
  amount: fc.constantFrom('1.5', '2.25', '5', '-0.0', 'NULL'),
  ts: fc.constantFrom(
    "TIMESTAMP '2024-01-01 10:00'",
    "TIMESTAMP '2024-01-02 11:00'",
    "TIMESTAMP '1969-12-31 23:59:59.5'",
    'NULL::TIMESTAMP',
  ),
  source: fc.constantFrom("'f1'", "'f2'"),
  position: fc.integer({ min: 1, max: 5 }).map(String),
})
const events = fc.array(event, { minLength: 1, maxLength: 6 }).map(rows => {
  const values = rows.map(
    ({ id, customer, kind, amount, ts, source, position }) =>
      `(${[id, customer, kind, amount, ts, source, '0', position]})`,
  )
  return `SELECT * FROM (VALUES ${values.join(', ')}) AS v(${Object.keys(EVENT_COLUMNS)})`
})
const lookups = fc
  .array(fc.tuple(fc.constantFrom("'ann'", "'bob'", 'NULL'), fc.constantFrom("'north'", "'south'", 'NULL')), {
    minLength: 1,
    maxLength: 3,
  })
  .map(rows => `SELECT * FROM (VALUES ${rows.map(row => `(${row})`)}) AS v(customer, region)`)

/** What happens between two runs. */
type Step =
  | { readonly type: 'append'; readonly select: string }
  | { readonly type: 'delete' | 'update'; readonly id: number }
  | { readonly type: 'replace lookup'; readonly select: string }
  | { readonly type: 'add to lookup'; readonly select: string }
  | { readonly type: 'foreign overwrite'; readonly select: string }
  | { readonly type: 'write again' }
  | { readonly type: 'roll back'; readonly table: string; readonly by: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: events.map(select => ({ type: 'append', select }) as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('delete' as const, 'update' as const),
      id: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: lookups.map(select => ({ type: 'replace lookup', select }) as const) },
  { weight: 1, arbitrary: lookups.map(select => ({ type: 'add to lookup', select }) as const) },
  { weight: 1, arbitrary: events.map(select => ({ type: 'foreign overwrite', select }) as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'write again' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('roll back' as const),
      table: fc.constantFrom(...NAMES),
      by: fc.integer({ min: 1, max: 2 }),
    }),
  },
)

async function take(lab: PipelineLab, current: Step): Promise<void> {
  const { context } = lab
  switch (current.type) {
    case 'append':
      return lab.load('bronze.events', current.select)
    case 'delete':
      return lab.change('bronze.events', (staged, session) =>
        stageOverwrite(context, session, staged, { filterSql: `id = ${current.id}` }),
      )
    case 'update': {
      const rows = await lab.scan('bronze.events')
      const select = `SELECT * REPLACE (amount + 1 AS amount, 'f3' AS _source) FROM (${rows}) WHERE id = ${current.id}`
      return lab.change('bronze.events', (staged, session) =>
        stageOverwrite(context, session, staged, { filterSql: `id = ${current.id}`, select }),
      )
    }
    case 'replace lookup':
      return lab.change('bronze.customers', (staged, session) =>
        stageOverwrite(context, session, staged, { all: true, select: current.select }),
      )
    case 'add to lookup':
      return lab.load('bronze.customers', current.select)
    case 'foreign overwrite':
      return lab.change('bronze.events', (staged, session) =>
        stageOverwrite(context, session, staged, { all: true, select: current.select }),
      )
    case 'write again': {
      const select = await lab.scan('bronze.events')
      return lab.change('bronze.events', (staged, session) =>
        stageOverwrite(context, session, staged, { all: true, select }),
      )
    }
    case 'roll back':
      return lab.change(current.table, async staged => {
        const older = staged.metadata.snapshots.at(-1 - current.by)
        return older === undefined ? staged : stageRollback(staged, older['snapshot-id'])
      })
  }
}

function quote(name: string, prefix = ''): string {
  const { namespace, name: table } = parseIdentifier(name)
  return `"${prefix}${namespace[0]}"."${table}"`
}

/** Rows that one of two SELECTs has more often than the other, doubles rounded; `columns` are those of both. */
function differenceSql(name: string, columns: readonly LakeColumn[], left: string, right: string): string {
  const rounded = columns.map(({ name: column, type }) =>
    type === 'double' ? `round("${column}", 9) AS "${column}"` : `"${column}"`,
  )
  const [actual, expected] = [left, right].map(rows => `SELECT ${rounded.join(', ')} FROM (${rows})`)
  const side = (title: string, more: string, less: string): string =>
    `SELECT '${name} ${title} ' || to_json(d) FROM (${more} EXCEPT ALL ${less}) AS d`
  return `${side('surplus', actual ?? '', expected ?? '')} UNION ALL ${side('missing', expected ?? '', actual ?? '')}`
}

/** Rows in which tables differ from a recomputation over the bronze tables as they are. */
async function differences(lab: PipelineLab, lake: Lake): Promise<readonly unknown[]> {
  const scans = new Map<string, string>()
  for (const name of NAMES) scans.set(name, await lab.scan(name))
  const comparisons: string[] = []
  for (const { identifier, columns } of lake.tables) {
    const name = formatIdentifier(identifier)
    const { quarantine } = CASES_BY_TABLE[name] ?? assert.fail()
    const compare = (actual: string, expected: string): void => {
      comparisons.push(differenceSql(name, columns, actual, expected))
    }
    if (DERIVED.includes(name)) compare(scans.get(name) ?? '', `SELECT * FROM ${quote(name)}`)
    if (quarantine !== undefined) compare(await lab.scan(`${name}__quarantine`), quarantine)
  }
  return lab.engine.session({ label: 'compare' }, async session => {
    for (const schema of ['bronze', 'silver', 'gold']) await session.query(`CREATE SCHEMA "${schema}"`)
    for (const name of NAMES) {
      const { declaration, expected } = CASES_BY_TABLE[name] ?? assert.fail()
      const sql = expected ?? ('sql' in declaration ? declaration.sql : scans.get(name))
      await session.query(`CREATE TABLE ${quote(name)} AS ${sql}`)
    }
    return (await session.query(comparisons.join(' UNION ALL '))).rows.flat()
  })
}

describe('an incremental refresh equals a full recompute', { concurrency: SIDE_BY_SIDE }, () => {
  let shared: Awaited<ReturnType<typeof openLabEngine>>
  let declaring: PipelineLab
  let lake: Lake
  const actions = new Map<string, number>()
  before(async () => {
    shared = await openLabEngine()
    declaring = await PipelineLab.open(shared.engine)
    // Once for all lakes: what the pipeline understands of a declaration holds for as long as that lives.
    lake = await declaring.declare(
      Object.fromEntries(NAMES.map(name => [name, CASES_BY_TABLE[name]?.declaration ?? assert.fail()])),
    )
  })
  after(async () => {
    for (const action of ['append', 'keys', 'full', 'skip'])
      assert.ok((actions.get(action) ?? 0) > 0, `no table was refreshed by ${action}`)
    await declaring.close()
    await shared.close()
  })

  async function runAndCompare(lab: PipelineLab): Promise<void> {
    const report = await executeRun(lab.dependencies, lake)
    for (const { action, error } of report.tables) {
      assert.equal(error, undefined)
      actions.set(action, (actions.get(action) ?? 0) + 1)
    }
    assert.deepEqual(await differences(lab, lake), [])
  }

  async function follow(first: string, lookup: string, batches: readonly (readonly Step[])[]): Promise<void> {
    const lab = await PipelineLab.open(shared.engine)
    try {
      lab.load('bronze.events', first)
      lab.load('bronze.customers', lookup)
      for (const batch of [[], ...batches]) {
        for (const current of batch) await take(lab, current)
        await runAndCompare(lab)
      }
    } finally {
      await lab.close()
    }
  }

  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 2 }), {
    minLength: STEPS,
    maxLength: STEPS,
  })
  const runs = Math.ceil(CASES / STEPS / SIDE_BY_SIDE)
  for (let share = 1; share <= SIDE_BY_SIDE; share += 1)
    it(`after each of ${runs * STEPS} random batches of changes, share ${share} of ${SIDE_BY_SIDE}`, () =>
      fc.assert(fc.asyncProperty(events, lookups, batches, follow), { numRuns: runs, endOnFailure: true }))
})
