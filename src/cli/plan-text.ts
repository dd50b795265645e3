import type { RunPlan, TablePlan } from '../pipeline/run-report.ts'
import type { Terminal } from './terminal.ts'
import { formatTable } from './text-table.ts'

/** A plan as people read it: one line a table, then what is to be known of single tables and what to do about refusals. */
export function planText({ tables }: RunPlan, { style }: Pick<Terminal, 'style'>): string {
  const table = formatTable(
    [
      { name: 'table', type: 'VARCHAR' },
      { name: 'action', type: 'VARCHAR' },
      { name: 'files', type: 'BIGINT' },
      { name: 'rows', type: 'BIGINT' },
      { name: 'why', type: 'VARCHAR' },
    ],
    tables.map(plan => [plan.table, plan.action, plan.files, plan.rows, why(plan)]),
    { cellWidthMax: 200 },
  )
  const notes = tables.flatMap(plan =>
    plan.notes.map(note => `${style.yellow('note')}  ${plan.table}: ${note}`),
  )
  const hints = new Set(tables.flatMap(({ hint }) => hint ?? []))
  return [table, ...notes, ...[...hints].map(hint => `${style.cyan('hint')}  ${hint}`)].join('\n')
}

function why({ reason, after, fullIf }: TablePlan): string {
  const once = after.length === 0 ? '' : `, once ${after.join(', ')} changed`
  const otherwise = fullIf === undefined ? '' : `; in full if ${fullIf}`
  return `${reason}${once}${otherwise}`
}
