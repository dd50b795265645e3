import { type MaintainOptions, Maintenance } from '../maintenance/maintain-lake.ts'
import type { MaintenanceReport } from '../maintenance/maintenance-report.ts'
import type { Platform } from '../platform.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { departedText, maintenanceSummary, tableMaintenanceText } from './maintenance-text.ts'
import { openProject } from './open-project.ts'
import { loadSelectedTables } from './select-tables.ts'
import { formatJson } from './terminal.ts'

export const maintainCommand: Command = {
  name: 'maintain',
  summary: 'thin the history of tables, join small files, and remove files that nothing needs',
  positionals: '[table …]',
  positionalsCount: [0, 10_000],
  options: {
    'dry-run': { config: { type: 'boolean' }, help: 'say what would be done and why, and change nothing' },
  },
  examples: ['ingot maintain --dry-run', 'ingot maintain', 'ingot maintain silver.flights gold'],
  run: async input => {
    await using platform = await openProject(input)
    const report = await maintain(platform, input)
    if (input.json) input.terminal.out(formatJson(report))
    else input.terminal.out([...report.departed.map(departedText), maintenanceSummary(report)].join('\n'))
    return report.tables.some(table => table.error !== undefined) ? EXIT.failed : EXIT.ok
  },
}

/** The account of each table is printed as soon as there is one: a large lake takes long. */
async function maintain(
  { context, engine, metrics }: Platform,
  { positionals, flag, json, signal, terminal }: CommandInput,
): Promise<MaintenanceReport> {
  const options: MaintainOptions = {
    isDryRun: flag('dry-run'),
    signal,
    onTable: table => {
      const text = json ? '' : tableMaintenanceText(table)
      if (text !== '') terminal.out(`${text}\n`)
    },
  }
  const maintenance = new Maintenance({ context, engine, metrics })
  if (positionals.length === 0) return await maintenance.run(options)
  const selected = await loadSelectedTables(context.catalog, { names: positionals, all: false })
  return await maintenance.run({ ...options, tables: selected.map(({ identifier }) => identifier) })
}
