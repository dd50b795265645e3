import { planRun } from '../pipeline/plan-run.ts'
import { openLake } from '../platform.ts'
import { type Command, EXIT } from './command.ts'
import { BRANCH_OPTION, openProject } from './open-project.ts'
import { planText } from './plan-text.ts'

export const planCommand: Command = {
  name: 'plan',
  summary: 'show what a run would do with each table, and why; changes nothing',
  positionals: '[table …]',
  positionalsCount: [0, 10_000],
  options: {
    'full-refresh': {
      config: { type: 'string', multiple: true },
      value: '<table>',
      help: 'plan a recompute of this table from its inputs (repeatable)',
    },
    branch: BRANCH_OPTION,
  },
  examples: ['ingot plan', 'ingot plan --full-refresh silver.flights'],
  run: async input => {
    await using platform = await openProject(input)
    const lake = await openLake(platform)
    const plan = await planRun(platform, lake, {
      ...(input.positionals.length > 0 ? { tables: input.positionals } : {}),
      fullRefresh: input.texts('full-refresh'),
    })
    const refused = plan.tables.some(table => table.action === 'refuse')
    if (input.json) {
      input.terminal.out(JSON.stringify(plan))
      return refused ? EXIT.refused : EXIT.ok
    }
    input.terminal.out(planText(plan, input.terminal))
    return refused ? EXIT.refused : EXIT.ok
  },
}
