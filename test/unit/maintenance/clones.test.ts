import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { currentSnapshot } from '../../../src/format/snapshot.ts'
import { stageProperties } from '../../../src/table/stage.ts'
import { stageOverwrite } from '../../../src/table/stage-overwrite.ts'
import { type CloneStep, CloneWorld, PASSING_MS, type Passing } from './clone-world.ts'
import { MaintenanceLab } from './maintenance-lab.ts'
import { DAY_MS, HOUR_MS } from './table-history.ts'

// Tables that share their files, and maintenance of all of them, at a time of the test's choosing.

let lab: MaintenanceLab
before(async () => {
  lab = await MaintenanceLab.open()
})
after(() => lab.close())

async function filesOf(lab: MaintenanceLab): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { location } of lab.context.io.list(`file://${lab.tables.folder}/lab`))
    found.push(location)
  return found
}

const replaceAll = (
  table: { readonly identifier: { readonly namespace: readonly string[]; readonly name: string } },
  v: number,
) =>
  lab.update(table, staged =>
    stageOverwrite(lab.context, lab.tables.session, staged, { all: true, select: `SELECT ${v} AS v` }),
  )

test('what a version from before the cloning leads to stays when the clone forgets it', async () => {
  const source = await lab.tables.create({ v: 'int' })
  await lab.update(source, staged =>
    stageProperties(staged, { set: { 'history.expire.max-snapshot-age-ms': String(400 * DAY_MS) } }),
  )
  const first = await lab.appendMany(source, 2)
  const [before] = await lab.context.catalog.transactions({ limit: 1 })
  lab.clock.pass(2 * HOUR_MS)
  const clone = await lab.clone(first)
  await lab.update(clone, staged =>
    stageProperties(staged, { set: { 'history.expire.max-snapshot-age-ms': '0' } }),
  )
  await replaceAll(clone, 8)
  await replaceAll(source, 9)
  await lab.update(source, staged => {
    const ids = staged.metadata.snapshots.map(snapshot => snapshot['snapshot-id'])
    const updates = [{ action: 'remove-snapshots', 'snapshot-ids': ids.slice(0, -1) }] as const
    return { ...staged, updates: [...staged.updates, ...updates], requirements: [] }
  })
  lab.clock.pass(9 * DAY_MS)
  await lab.maintain()
  const past = await lab.context.catalog.loadTableAt(source.identifier, {
    transactionId: before?.transactionId ?? 0,
  })
  assert.deepEqual(await lab.tables.rows(past.metadata), ['[0]', '[1]'])
  assert.deepEqual([await lab.rows(source), await lab.rows(clone)], [['[9]'], ['[8]']])
})

for (const order of ['original first', 'clone first']) {
  test(`the ${order}: what is left stays readable, and files go with the last who names them`, async () => {
    const source = await lab.tables.create({ v: 'int' })
    const clone = await lab.clone(await lab.appendMany(source, 20))
    const [gone, left] = order === 'clone first' ? [clone, source] : [source, clone]
    const snapshot = currentSnapshot((await lab.reload(left)).metadata)
    const isThere = async () => (await lab.context.io.stat(snapshot?.['manifest-list'] ?? '')) !== undefined
    await lab.context.catalog.dropTable(gone.identifier, { purgeRequested: true })
    lab.clock.pass(9 * DAY_MS)
    await lab.maintain()
    assert.equal((await lab.rows(left)).length, 20)
    lab.clock.pass(9 * DAY_MS)
    await lab.maintain()
    await lab.maintain()
    assert.equal((await lab.rows(left)).length, 20)
    assert.equal(await isThere(), false, 'it was written again, and nobody names what was')
    const inFolder = await lab.files(gone)
    assert.deepEqual(inFolder, [], 'the folder of the dropped one is empty')
    await lab.context.catalog.dropTable(left.identifier)
    lab.clock.pass(9 * DAY_MS)
    await lab.maintain()
    assert.deepEqual(await lab.files(left), [])
  })
}

const pick = fc.nat({ max: 20 })
const steps: fc.Arbitrary<CloneStep[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('append', 'delete', 'overwrite'), pick }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('clone'), pick, snapshot: fc.option(pick, { nil: undefined }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('drop', 'purge', 'undrop', 'undrop'), pick }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('maintain'),
        pass: fc.constantFrom(...(Object.keys(PASSING_MS) as Passing[])),
      }),
    },
  ) as fc.Arbitrary<CloneStep>,
  { minLength: 10, maxLength: 30 },
)

async function liveThrough(chosen: readonly CloneStep[]): Promise<void> {
  const alone = await MaintenanceLab.open()
  try {
    const world = new CloneWorld(alone)
    await world.begin()
    for (const step of chosen) {
      await world.take(step)
      await world.check()
    }
    await world.end()
    assert.deepEqual(await filesOf(alone), [])
  } finally {
    await alone.close()
  }
}

test('whatever is done with tables that share files, each has its rows, and in the end no file is left', async () => {
  await fc.assert(fc.asyncProperty(steps, liveThrough), {
    numRuns: Number(process.env.INGOT_CASES ?? 8),
    includeErrorInReport: true,
    endOnFailure: true,
  })
})
