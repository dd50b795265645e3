import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { TableLab } from '../../support/table-lab.ts'

import { RowsModelDriver, type Step } from './rows-model-driver.ts'

/** Histories of tables that are tried; INGOT_CASES counts batches of incremental-equals-full.test.ts, which cost a tenth. */
const CASES = Math.ceil(Number(process.env.INGOT_CASES ?? 40) / 10)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)

let lab: TableLab
before(async () => {
  lab = await TableLab.open()
})
after(() => lab.close())

const onBranch = fc.integer({ min: 0, max: 3 }).map(pick => pick === 0)
const pick = fc.integer({ min: 0, max: 255 })
const picks = fc.array(pick, { minLength: 1, maxLength: 5 })
const rows = fc.array(fc.array(pick, { minLength: 4, maxLength: 7 }), {
  minLength: 1,
  maxLength: 8,
  size: 'max',
})
/** Mostly one, as few rows share several values; the first, which no two rows share, seldom. */
const columns = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map(place => 1 << place) },
  { weight: 1, arbitrary: pick },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append'), onBranch, rows }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('upsert'), onBranch, rows, columns }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('delete-positions'),
      onBranch,
      picks,
      style: fc.constantFrom('partition', 'file', 'no bounds', 'twice'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('delete-keys'),
      onBranch,
      columns,
      picks,
      everywhere: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('overwrite'), onBranch, picks }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rewrite'), onBranch, share: pick }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('schema'),
      change: fc.constantFrom('add', 'rename', 'drop', 'widen', 'move'),
      pick,
      other: pick,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('partition'), pick }) },
  { weight: 1, arbitrary: fc.constant({ do: 'upgrade' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'fast-forward' }) },
)

test(`a reader gives the rows of a model: deletes of all kinds while columns, partitions and branches change (SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(2 as const, 3 as const),
      pick,
      rows,
      fc.array(step, { minLength: 4, maxLength: 12, size: 'max' }),
      async (formatVersion, partition, first, steps) => {
        const driver = await RowsModelDriver.create(lab, formatVersion)
        await driver.apply({ do: 'partition', pick: partition })
        await driver.apply({ do: 'append', onBranch: false, rows: first })
        for (const each of steps) {
          await driver.apply(each)
          await driver.check()
        }
      },
    ),
    { numRuns: CASES, seed: SEED },
  )
})
