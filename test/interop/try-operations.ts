import type { TestContext } from 'node:test'
import { InteropLake } from './interop-lake.ts'
import { STORES, type StoreName, useStore, withStore } from './interop-store.ts'
import { LakeReader } from './lake-reader.ts'
import {
  type ConnectedEngine,
  type EngineName,
  type Lab,
  OPERATIONS,
  type OperationName,
  type Operations,
  type Outcome,
  operationOn,
  outcomeOf,
} from './operations.ts'
import { assertPageTells } from './operations-table.ts'

interface Trial {
  readonly engine: EngineName
  readonly operations: Operations
  connect(lake: InteropLake): Promise<ConnectedEngine>
}

/** Tries every operation of an engine on every store, each as a test of its own, and holds docs/interop.md to what came of it. */
export async function tryOperations(t: TestContext, trial: Trial): Promise<void> {
  const outcomes = new Map<StoreName, Map<OperationName, Outcome>>()
  for (const name of STORES) {
    await t.test(name, withStore(name), async t => {
      outcomes.set(name, await tryOnStore(t, name, trial))
    })
  }
  const missing = STORES.map(withStore).find(({ skip }) => skip !== false)
  await t.test('docs/interop.md tells so', missing ?? {}, () => assertPageTells(trial.engine, outcomes))
}

async function tryOnStore(
  t: TestContext,
  name: StoreName,
  { operations, connect }: Trial,
): Promise<Map<OperationName, Outcome>> {
  const outcomes = new Map<OperationName, Outcome>()
  await useStore(name, async store => {
    await using lake = await InteropLake.open('template', store)
    await lake.run()
    await lake.catalog.createNamespace(['lab'])
    await using reader = await LakeReader.open(lake)
    const engine = await connect(lake)
    try {
      for (const [index, operation] of OPERATIONS.entries()) {
        await t.test(operation, async () => {
          const table = `lab.t${index}`
          const rows: Lab['rows'] = (sql, at) => reader.rows(sql, at)
          const lab: Lab = { lake, engine, table, its: engine.nameOf(table), rows }
          outcomes.set(operation, await outcomeOf(operationOn(operations, operation, name), lab))
        })
      }
    } finally {
      await engine.close()
    }
  })
  return outcomes
}
