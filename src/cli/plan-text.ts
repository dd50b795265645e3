import type { RunPlan, TablePlan } from '../pipeline/run-report.ts'
import type { Terminal } from './terminal.ts'
import { formatTable } from './text-table.ts'

/** A plan as people read it: one line a table, then what is to be known of single tables, those of the lake that it does not declare, and what to do about refusals. */
export function planText(
  { tables }: RunPlan,
  undeclared: readonly string[],
  { style }: Pick<Terminal, 'style'>,
): string {
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
  if (undeclared.length > 0) {
    notes.push(
      `${style.yellow('note')}  stored, and not declared in lake.ts: ${undeclared.join(', ')}; left as they are (ingot drop removes a table)`,
    )
  }
  const hints = new Set(tables.flatMap(({ hint }) => hint ?? []))
  return [table, ...notes, ...[...hints].map(hint => `${style.cyan('hint')}  ${hint}`)].join('\n')
}

function why({ reason, after, fullIf }: TablePlan): string {
  const once = after.length === 0 ? '' : `, once ${after.join(', ')} changed`
  const otherwise = fullIf === undefined ? '' : `; in full if ${fullIf}`
  return `${reason}${once}${otherwise}`
}
