import assert from 'node:assert/strict'
import type { Catalog } from '../../../src/catalog/catalog.ts'
import { planRun } from '../../../src/pipeline/plan-run.ts'
import { executeRun } from '../../../src/pipeline/run.ts'
import type { RunEvent } from '../../../src/pipeline/run-events.ts'
import type { RunReport } from '../../../src/pipeline/run-report.ts'
import { stageRollback } from '../../../src/table/stage.ts'
import { stageNewTable } from '../../../src/table/stage-new-table.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { Transaction } from '../../../src/table/transaction.ts'
import { formatIdentifier } from '../../../src/table-identifier.ts'
import { describeLab, type LabChecks } from './lab-checks.ts'
import { type Declaration, type PipelineLab, refusalIn, rejectedWith } from './pipeline-lab.ts'

const ORDERS = {
  columns: {
    id: 'INTEGER',
    customer: 'VARCHAR',
    amount: 'DOUBLE',
    _source: 'VARCHAR',
    _source_partition: 'INTEGER',
    _position: 'BIGINT',
  },
}
const CUSTOMERS = { columns: { customer: 'VARCHAR', region: 'VARCHAR' } }

const LAKE: Readonly<Record<string, Declaration>> = {
  'bronze.orders': ORDERS,
  'bronze.customers': CUSTOMERS,
  'silver.orders': {
    sql: 'select o.id, o.customer, o.amount, c.region from bronze.orders o left join bronze.customers c on c.customer = o.customer',
    key: ['id'],
    orderBy: 'o._position',
    expect: {
      'it has an amount': ['amount is not null', 'quarantine'],
      'it is positive': ['amount > 0', 'warn'],
      'it has a customer': ['customer is not null', 'drop'],
    },
  },
  'silver.big': { sql: 'select id, amount from bronze.orders where amount > 10' },
  'gold.regions': {
    sql: 'select region, count(*) as orders, sum(amount) as amount from silver.orders group by region',
  },
}

function orders(
  ...rows: readonly (readonly [id: number, customer: string | null, amount: number | null])[]
): string {
  const values = rows.map(
    ([id, customer, amount], index) =>
      `(${id}, ${customer === null ? 'NULL' : `'${customer}'`}, ${amount}, 'f', 0, ${index + 1})`,
  )
  return `SELECT * FROM (VALUES ${values.join(', ')}) AS v(id, customer, amount, _source, _source_partition, _position)`
}

function customers(...rows: readonly (readonly [customer: string, region: string])[]): string {
  return `SELECT * FROM (VALUES ${rows.map(([customer, region]) => `('${customer}', '${region}')`).join(', ')}) AS v(customer, region)`
}

function actions(report: {
  readonly tables: readonly { readonly table: string; readonly action: string }[]
}): Record<string, string> {
  return Object.fromEntries(report.tables.map(({ table, action }) => [table, action]))
}

/** The lab's catalog, in which something happens before each call of `method`. */
function wrapCatalog<Method extends 'commit' | 'stageTable'>(
  { context: { catalog } }: PipelineLab,
  method: Method,
  before: (...parameters: Parameters<Catalog[Method]>) => Promise<void>,
): Catalog {
  return new Proxy(catalog, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      if (name !== method) return member.bind(target)
      return async (...parameters: Parameters<Catalog[Method]>) => {
        await before(...parameters)
        return member.apply(target, parameters)
      }
    },
  })
}

const CHECKS: LabChecks = {
  'creates tables, refreshes what changed, and then does nothing': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.orders', orders([1, 'ann', 5], [2, 'bob', 20], [3, null, 1], [4, 'ann', null]))
    lab.load('bronze.customers', customers(['ann', 'north']))
    const events: RunEvent[] = []
    const first = await executeRun(lab.dependencies, lake, { onEvent: event => events.push(event) })
    assert.deepEqual(actions(first), {
      'bronze.orders': 'load',
      'bronze.customers': 'load',
      'silver.orders': 'create',
      'silver.big': 'create',
      'gold.regions': 'create',
    })
    assert.deepEqual(await lab.rows('silver.orders'), [
      '{"id":1,"customer":"ann","amount":5.0,"region":"north"}',
      '{"id":2,"customer":"bob","amount":20.0,"region":null}',
    ])
    assert.deepEqual(await lab.rows('silver.orders__quarantine', 'id, _rule'), [
      '{"id":4,"_rule":"it has an amount, it is positive"}',
    ])
    assert.deepEqual(first.tables[2]?.expectations, [
      { name: 'it has an amount', otherwise: 'quarantine', passed: 3, failed: 1 },
      { name: 'it is positive', otherwise: 'warn', passed: 3, failed: 1 },
      { name: 'it has a customer', otherwise: 'drop', passed: 3, failed: 1 },
    ])
    assert.deepEqual(
      first.tables.map(({ rowsSuperseded }) => rowsSuperseded),
      [undefined, undefined, 0, undefined, undefined],
    )
    assert.equal(events.at(0)?.type, 'run-started')
    assert.equal(events.filter(({ type }) => type === 'table-finished').length, 5)
    assert.equal(events.at(-1)?.type, 'run-finished')
    const [transaction] = await lab.context.catalog.transactions({ limit: 1 })
    assert.equal(transaction?.transactionId, first.transactionId)
    assert.equal(transaction?.idempotencyKey, first.runId)
    assert.equal(transaction?.pointers.length, 6)

    lab.load('bronze.orders', orders([2, 'bob', 30], [5, 'cid', 7], [4, 'ann', 2]))
    const second = await executeRun(lab.dependencies, lake)
    assert.deepEqual(actions(second), {
      'bronze.orders': 'load',
      'bronze.customers': 'skip',
      'silver.orders': 'keys',
      'silver.big': 'append',
      'gold.regions': 'keys',
    })
    assert.equal(second.tables[2]?.rowsSuperseded, 1)
    // Order 2 keeps its first report: both are at a position, and 2 is greater than 1.
    assert.deepEqual(await lab.rows('silver.orders', 'id, amount'), [
      '{"id":1,"amount":5.0}',
      '{"id":2,"amount":20.0}',
      '{"id":4,"amount":2.0}',
      '{"id":5,"amount":7.0}',
    ])
    assert.deepEqual(await lab.rows('silver.big'), ['{"id":2,"amount":20.0}', '{"id":2,"amount":30.0}'])
    assert.deepEqual(await lab.rows('gold.regions'), [
      '{"region":"north","orders":2,"amount":7.0}',
      '{"region":null,"orders":2,"amount":27.0}',
    ])

    const third = await executeRun(lab.dependencies, lake)
    assert.equal(third.transactionId, undefined)
    assert.ok(third.tables.every(({ status }) => status === 'skipped'))
  },

  'follows a lookup that changed, and recomputes with the reason where there is no key': async lab => {
    const lake = await lab.declare({
      ...LAKE,
      'silver.named': {
        sql: 'select o.id, c.region from bronze.orders o join bronze.customers c using (customer)',
      },
    })
    lab.load('bronze.orders', orders([1, 'ann', 5], [2, 'bob', 20]))
    lab.load('bronze.customers', customers(['ann', 'north']))
    await executeRun(lab.dependencies, lake)
    await lab.change('bronze.customers', (staged, session) =>
      stageOverwrite(lab.context, session, staged, {
        all: true,
        select: customers(['ann', 'south'], ['bob', 'west']),
      }),
    )
    const plan = await planRun(lab.dependencies, lake)
    assert.deepEqual(actions(plan), {
      'bronze.orders': 'skip',
      'bronze.customers': 'skip',
      'silver.orders': 'keys',
      'silver.big': 'skip',
      'gold.regions': 'keys',
      'silver.named': 'append',
    })
    const report = await executeRun(lab.dependencies, lake)
    const named = report.tables.find(({ table }) => table === 'silver.named')
    assert.equal(named?.action, 'full')
    assert.equal(named?.reason, 'bronze.customers changed, and the table has no key to find its rows by')
    assert.deepEqual(await lab.rows('silver.orders', 'id, region'), [
      '{"id":1,"region":"south"}',
      '{"id":2,"region":"west"}',
    ])
    assert.deepEqual(await lab.rows('silver.named'), [
      '{"id":1,"region":"south"}',
      '{"id":2,"region":"west"}',
    ])
    assert.deepEqual(await lab.rows('gold.regions', 'region, orders'), [
      '{"region":"south","orders":1}',
      '{"region":"west","orders":1}',
    ])
    lab.load('bronze.customers', customers(['cid', 'east']))
    const foreseen = (await planRun(lab.dependencies, lake)).tables.find(
      ({ table }) => table === 'silver.named',
    )
    assert.deepEqual(
      [foreseen?.action, foreseen?.reason, foreseen?.after],
      [
        'full',
        'bronze.customers changed, and the table has no key to find its rows by',
        ['bronze.customers'],
      ],
    )
  },

  'takes nothing for changed when files were only written again': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.orders', orders([1, 'ann', 50], [2, 'bob', 20]))
    lab.load('bronze.customers', customers(['ann', 'north']))
    await executeRun(lab.dependencies, lake)
    const before = await lab.rows('silver.big')
    await lab.change('bronze.orders', async (staged, session) =>
      stageOverwrite(lab.context, session, staged, { all: true, select: await lab.scan('bronze.orders') }),
    )
    const report = await executeRun(lab.dependencies, lake)
    const { 'silver.big': big, 'silver.orders': silver, 'gold.regions': gold } = actions(report)
    assert.deepEqual([big, silver, gold], ['append', 'keys', 'skip'])
    assert.deepEqual(
      report.tables.map(({ rowsAdded, rowsDeleted }) => rowsAdded + rowsDeleted),
      [0, 0, 0, 0, 0],
    )
    assert.deepEqual(await lab.rows('silver.big'), before)
    const again = await executeRun(lab.dependencies, lake)
    assert.equal(again.transactionId, undefined)
  },

  'leaves a table that fails an expectation out, with those that read it, and commits the rest':
    async lab => {
      const lake = await lab.declare({
        ...LAKE,
        'silver.strict': {
          sql: 'select id, amount from bronze.orders',
          expect: { 'amounts are small': ['amount < 100', 'fail'] },
        },
        'gold.strict': { sql: 'select count(*) as n, id from silver.strict group by id' },
      })
      lab.load('bronze.orders', orders([1, 'ann', 5], [2, 'bob', 500]))
      lab.load('bronze.customers', customers(['ann', 'north']))
      const report = await executeRun(lab.dependencies, lake)
      const [strict, gold] = report.tables.slice(-2)
      assert.equal(strict?.status, 'failed')
      assert.equal(strict?.error?.code, 'EXPECTATION_FAILED')
      assert.match(
        strict?.error?.message ?? '',
        /1 of 2 rows of silver\.strict fail 'amounts are small', such as \{"id":2,"amount":500\.0\}/,
      )
      assert.deepEqual([gold?.status, gold?.reason], ['skipped', 'silver.strict failed'])
      assert.equal((await lab.rows('silver.orders')).length, 2)
      await rejectedWith(
        lab.context.catalog.loadTable({ namespace: ['silver'], name: 'strict' }),
        'TABLE_NOT_FOUND',
      )
    },

  'evolves a table whose definition only adds, and refuses any other change until it is asked to rebuild':
    async lab => {
      const base = { 'bronze.orders': ORDERS }
      lab.load('bronze.orders', orders([1, 'ann', 5], [2, 'bob', 20]))
      await executeRun(
        lab.dependencies,
        await lab.declare({
          ...base,
          'silver.o': { sql: 'select id, amount from bronze.orders', key: ['id'], orderBy: '_position' },
        }),
      )
      const wider = await lab.declare({
        ...base,
        'silver.o': {
          sql: 'select id, amount, upper(customer) as customer from bronze.orders',
          key: ['id'],
          orderBy: '_position',
          expect: { 'no bob': ["customer <> 'BOB'", 'quarantine'] },
        },
      })
      const evolved = await executeRun(lab.dependencies, wider)
      assert.deepEqual(
        [evolved.tables[1]?.action, evolved.tables[1]?.reason],
        ['full', 'its definition has new columns or expectations'],
      )
      assert.deepEqual(await lab.rows('silver.o'), ['{"id":1,"amount":5.0,"customer":"ANN"}'])
      assert.deepEqual(await lab.rows('silver.o__quarantine', 'id'), ['{"id":2}'])
      assert.equal((await executeRun(lab.dependencies, wider)).transactionId, undefined)

      const other = await lab.declare({
        ...base,
        'silver.o': {
          sql: 'select id, amount * 2 as amount from bronze.orders',
          key: ['id'],
          orderBy: '_position',
        },
      })
      const before = await lab.snapshotId('silver.o')
      assert.equal((await planRun(lab.dependencies, other)).tables[1]?.action, 'refuse')
      const refused = refusalIn(await executeRun(lab.dependencies, other))
      assert.match(
        refused.message,
        /silver\.o must be rebuilt: its definition changed: column amount is computed in another way or gone/,
      )
      assert.equal(refused.hint, 'ingot run --full-refresh silver.o')
      assert.equal(await lab.snapshotId('silver.o'), before)
      const rebuilt = await executeRun(lab.dependencies, other, { fullRefresh: ['silver.o'] })
      assert.equal(rebuilt.tables[1]?.action, 'full')
      assert.deepEqual(await lab.rows('silver.o'), ['{"id":1,"amount":10.0}', '{"id":2,"amount":40.0}'])
    },

  'catches up after a rollback of a table or of its input': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.customers', customers(['ann', 'north']))
    lab.load('bronze.orders', orders([1, 'ann', 50]))
    await executeRun(lab.dependencies, lake)
    const [firstBig, firstOrders] = [
      await lab.snapshotId('silver.big'),
      await lab.snapshotId('bronze.orders'),
    ]
    lab.load('bronze.orders', orders([2, 'bob', 20], [3, 'ann', 30]))
    await executeRun(lab.dependencies, lake)
    const after = await lab.rows('silver.big')
    await lab.change('silver.big', async staged => stageRollback(staged, firstBig ?? assert.fail()))
    assert.equal((await lab.rows('silver.big')).length, 1)
    const caughtUp = await executeRun(lab.dependencies, lake)
    assert.equal(actions(caughtUp)['silver.big'], 'append')
    assert.deepEqual(await lab.rows('silver.big'), after)

    await lab.change('bronze.orders', async staged => stageRollback(staged, firstOrders ?? assert.fail()))
    const undone = await executeRun(lab.dependencies, lake)
    assert.equal(actions(undone)['silver.orders'], 'keys')
    assert.equal(actions(undone)['silver.big'], 'full')
    assert.deepEqual(await lab.rows('silver.orders', 'id'), ['{"id":1}'])
    assert.deepEqual(await lab.rows('silver.big'), ['{"id":1,"amount":50.0}'])
  },

  'stages the run again when somebody else commits to a table meanwhile': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.customers', customers(['ann', 'north']))
    lab.load('bronze.orders', orders([1, 'ann', 50], [2, 'ann', 60]))
    await executeRun(lab.dependencies, lake)
    await lab.change('bronze.customers', (staged, session) =>
      stageOverwrite(lab.context, session, staged, { all: true, select: customers(['ann', 'south']) }),
    )
    let disturbed = false
    const catalog = wrapCatalog(lab, 'commit', async () => {
      if (disturbed) return
      disturbed = true
      await lab.change('silver.orders', (staged, session) =>
        stageOverwrite(lab.context, session, staged, {
          filterSql: 'id = 2',
          select: 'SELECT 2 AS id, NULL AS customer, 0 AS amount, NULL AS region',
        }),
      )
    })
    const report: RunReport = await executeRun(
      { ...lab.dependencies, context: { ...lab.context, catalog } },
      lake,
    )
    assert.equal(report.attempts, 2)
    assert.deepEqual(await lab.rows('silver.orders', 'id, region'), [
      '{"id":1,"region":"south"}',
      '{"id":2,"region":"south"}',
    ])
  },

  'stages the run again when somebody else creates one of its tables meanwhile': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.customers', customers(['ann', 'north']))
    lab.load('bronze.orders', orders([1, 'ann', 50]))
    let disturbed = false
    const catalog = wrapCatalog(lab, 'stageTable', async ({ identifier }) => {
      if (disturbed || formatIdentifier(identifier) !== 'silver.big') return
      disturbed = true
      const other = new Transaction(lab.context)
      await other.update(identifier, () =>
        stageNewTable(lab.context, { identifier, columns: [{ name: 'id', type: 'int' }] }),
      )
      await other.commit({ idempotencyKey: crypto.randomUUID() })
    })
    const context = { ...lab.context, catalog }
    const report = await executeRun({ ...lab.dependencies, context }, lake)
    assert.equal(report.attempts, 2)
    assert.deepEqual(
      report.tables.map(({ status }) => status),
      report.tables.map(() => 'done'),
    )
    assert.deepEqual(await lab.rows('silver.big'), ['{"id":1,"amount":50.0}'])
  },

  'commits nothing when it is cancelled': async lab => {
    const lake = await lab.declare(LAKE)
    lab.load('bronze.customers', customers(['ann', 'north']))
    lab.load('bronze.orders', orders([1, 'ann', 50]))
    const abort = new AbortController()
    const onEvent = (event: RunEvent): void => {
      if (event.type === 'table-started' && event.table === 'silver.big') abort.abort()
    }
    await rejectedWith(executeRun(lab.dependencies, lake, { signal: abort.signal, onEvent }), 'CANCELLED')
    assert.deepEqual(await lab.context.catalog.listTables(['bronze']), [])
  },

  'names what it does not know': async lab => {
    const lake = await lab.declare(LAKE)
    assert.match(
      (await rejectedWith(executeRun(lab.dependencies, lake, { tables: ['silver.x'] }), 'REQUEST_INVALID'))
        .message,
      /no table silver\.x/,
    )
    const loaded = await rejectedWith(
      planRun(lab.dependencies, lake, { fullRefresh: ['bronze.orders'] }),
      'REQUEST_INVALID',
    )
    assert.match(loaded.message, /is loaded, not computed/)
    assert.match(loaded.hint ?? '', /: ingot drop bronze\.orders, then ingot run$/)
    const report = await executeRun(lab.dependencies, lake, { tables: ['gold.regions'] })
    assert.equal(report.tables[0]?.error?.code, 'TABLE_NOT_FOUND')
    assert.equal(report.tables[0]?.error?.hint, 'run silver.orders first')
  },
}

describeLab('executeRun', CHECKS)
