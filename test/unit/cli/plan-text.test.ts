import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planText } from '../../../src/cli/plan-text.ts'
import type { TablePlan } from '../../../src/pipeline/run-report.ts'
import { CapturedTerminal } from './captured-terminal.ts'

const plan = (table: string, more: Partial<TablePlan>): TablePlan => ({
  ...{ table, action: 'skip', reason: 'no input changed', after: [], notes: [], files: 0, rows: 0, bytes: 0 },
  ...more,
})

test('a plan says what its tables wait for, what may recompute them, notes, and each command once', () => {
  const hint = 'ingot run --full-refresh silver.b --full-refresh silver.c'
  const tables = [
    plan('silver.a', {
      ...{ action: 'append', reason: 'row by row over bronze.a', after: ['bronze.a', 'bronze.b'] },
      ...{ fullIf: 'rows of bronze.a are gone or changed', notes: ['the order is not defined'] },
    }),
    plan('silver.b', { action: 'refuse', reason: 'its definition changed', hint }),
    plan('silver.c', { action: 'refuse', reason: 'its definition changed', hint }),
  ]
  assert.deepEqual(planText({ tables }, ['gold.old'], new CapturedTerminal()).split('\n').slice(2), [
    'silver.a  append      0     0  row by row over bronze.a, once bronze.a, bronze.b changed; in full if rows of bronze.a are gone or changed',
    'silver.b  refuse      0     0  its definition changed',
    'silver.c  refuse      0     0  its definition changed',
    'note  silver.a: the order is not defined',
    'note  stored, and not declared in lake.ts: gold.old; left as they are (ingot drop removes a table)',
    `hint  ${hint}`,
  ])
})
