import type { Catalog } from '../catalog/catalog.ts'
import { listAllTables } from '../catalog/list-all-tables.ts'
import type { Lake } from '../lake/lake.ts'
import { isQuarantine } from '../lake/quarantine.ts'
import { planRun } from '../pipeline/plan-run.ts'
import { openLake } from '../platform.ts'
import { formatIdentifier, identifierKey } from '../table-identifier.ts'
import { type Command, EXIT } from './command.ts'
import { BRANCH_OPTION, openProject } from './open-project.ts'
import { planText } from './plan-text.ts'

export const planCommand: Command = {
  name: 'plan',
  summary: 'show what a run would do with each table, and why; changes nothing',
  positionals: '[table|namespace …]',
  positionalsCount: [0, 10_000],
  options: {
    'full-refresh': {
      config: { type: 'string', multiple: true },
      value: '<table>',
      help: 'plan a recompute of this table from its inputs (repeatable)',
    },
    branch: BRANCH_OPTION,
  },
  examples: ['ingot plan', 'ingot plan gold', 'ingot plan --full-refresh silver.flights'],
  run: async input => {
    await using platform = await openProject(input)
    const lake = await openLake(platform)
    const plan = await planRun(platform, lake, {
      ...(input.positionals.length > 0 ? { tables: input.positionals } : {}),
      fullRefresh: input.texts('full-refresh'),
    })
    const undeclared =
      input.positionals.length > 0 ? [] : await undeclaredTables(platform.context.catalog, lake)
    const refused = plan.tables.some(table => table.action === 'refuse')
    if (input.json) {
      input.terminal.out(JSON.stringify({ ...plan, undeclared }))
      return refused ? EXIT.refused : EXIT.ok
    }
    input.terminal.out(planText(plan, undeclared, input.terminal))
    return refused ? EXIT.refused : EXIT.ok
  },
}

const TIERS: readonly string[] = ['bronze', 'silver', 'gold']

/** Tables of the tiers that are stored and that lake.ts does not declare; other namespaces are anybody's. */
async function undeclaredTables(catalog: Catalog, lake: Lake): Promise<readonly string[]> {
  const declared = new Set(lake.tables.map(({ identifier }) => identifierKey(identifier)))
  const stored = await listAllTables(catalog)
  return stored
    .filter(({ namespace }) => TIERS.includes(namespace.join('.')))
    .filter(identifier => !isQuarantine(identifier) && !declared.has(identifierKey(identifier)))
    .map(formatIdentifier)
}
