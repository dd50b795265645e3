import { loadConfig } from '../config.ts'
import { executeRun } from '../pipeline/run.ts'
import { openLake, openPlatform } from '../platform.ts'
import { type Command, EXIT } from './command.ts'
import { RunProgress } from './run-progress.ts'

export const runCommand: Command = {
  name: 'run',
  summary: 'refresh what changed, in one transaction, and end',
  positionals: '[table …]',
  positionalsCount: [0, 10_000],
  options: {
    'full-refresh': {
      config: { type: 'string', multiple: true },
      value: '<table>',
      help: 'recompute this table from its inputs (repeatable)',
    },
  },
  examples: ['ingot run', 'ingot run silver.flights', 'ingot run --full-refresh gold.hub_load'],
  run: async input => {
    await using platform = await openPlatform(loadConfig(input.projectFolder, input.environment), {
      prettyLog: !input.json,
    })
    const lake = await openLake(platform)
    const progress = new RunProgress(input.terminal)
    try {
      const report = await executeRun(platform, lake, {
        ...(input.positionals.length > 0 ? { tables: input.positionals } : {}),
        fullRefresh: input.texts('full-refresh'),
        signal: input.signal,
        ...(input.json ? {} : { onEvent: event => progress.show(event) }),
      })
      if (input.json) input.terminal.out(JSON.stringify(report))
      return report.tables.some(table => table.status === 'failed') ? EXIT.failed : EXIT.ok
    } finally {
      progress.close()
    }
  },
}
