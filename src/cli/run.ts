import { IngotError } from '../errors.ts'
import { executeRun } from '../pipeline/run.ts'
import type { RunReport } from '../pipeline/run-report.ts'
import { openLake } from '../platform.ts'
import { type Command, EXIT } from './command.ts'
import { BRANCH_OPTION, openProject } from './open-project.ts'
import { quoteForShell } from './quote-for-shell.ts'
import { RunProgress } from './run-progress.ts'

export const runCommand: Command = {
  name: 'run',
  summary: 'refresh what changed, in one transaction, and end',
  positionals: '[table|namespace …]',
  positionalsCount: [0, 10_000],
  options: {
    'full-refresh': {
      config: { type: 'string', multiple: true },
      value: '<table>',
      help: 'recompute this table from its inputs (repeatable)',
    },
    branch: BRANCH_OPTION,
  },
  examples: [
    'ingot run',
    'ingot run silver.flights',
    'ingot run gold',
    'ingot run --full-refresh gold.hub_load',
    'ingot run --branch audit',
  ],
  run: async input => {
    const branch = input.text('branch')
    requireAside(branch)
    await using platform = await openProject(input)
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
      else if (branch !== undefined && report.transactionId !== undefined) {
        input.terminal.err(`main is as it was: ingot branch publish ${quoteForShell(branch)}`)
      }
      return exitCodeOf(report)
    } finally {
      progress.close()
    }
  },
}

/** Who names a branch means to leave main as it is. @throws REQUEST_INVALID for main */
function requireAside(branch: string | undefined): void {
  if (branch !== 'main') return
  throw new IngotError('REQUEST_INVALID', 'main is what a run writes to when no branch is named', {
    hint: 'leave --branch out, or name a branch of your own to leave main as it is',
  })
}

/** A run whose only failures are refusals was refused; anything else that failed is a failure. */
export function exitCodeOf({ tables }: RunReport): number {
  const failed = tables.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return EXIT.ok
  return failed.every(({ error }) => error?.code === 'PLAN_REFUSED') ? EXIT.refused : EXIT.failed
}
