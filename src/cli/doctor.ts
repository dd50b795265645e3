import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isIngotError } from '../errors.ts'
import { openLake, type Platform } from '../platform.ts'
import { randomUuid } from '../random.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { openProject } from './open-project.ts'
import { formatBytes, formatCount } from './text-table.ts'

interface Finding {
  readonly check: string
  readonly isGood: boolean
  readonly detail: string
  readonly hint?: string
}

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check this machine, the configuration and the project, and say what to mend',
  examples: ['ingot doctor', 'ingot doctor --project examples/flights'],
  run: async input => {
    const findings: Finding[] = []
    await using platform = await openProject(input)
    for (const [check, work] of checksOf(input, platform)) findings.push(await examine(check, work))
    const isGood = findings.every(finding => finding.isGood)
    if (input.json) input.terminal.out(JSON.stringify({ isGood, findings }))
    else for (const finding of findings) input.terminal.out(describeFinding(finding, input))
    return isGood ? EXIT.ok : EXIT.failed
  },
}

type Check = readonly [name: string, work: () => Promise<string>]

function checksOf(input: CommandInput, platform: Platform): readonly Check[] {
  const { config, context, engine, random } = platform
  const { root } = config.storage
  return [
    ['node', async () => `${process.version} on ${process.platform} ${process.arch}`],
    [
      'storage',
      async () => {
        const location = `${root}/doctor-${randomUuid(random)}`
        await context.io.create(location, Buffer.from('ingot'))
        await context.io.remove([location])
        return `${root} takes files and syncs them`
      },
    ],
    [
      'catalog',
      async () => {
        const namespaces = await context.catalog.listNamespaces()
        return `${config.catalog.url ?? config.catalog.file} answers, ${formatCount(namespaces.length, 'namespace')}`
      },
    ],
    [
      'engine',
      async () => {
        const version = await engine.session({ label: 'doctor' }, session =>
          session.query('select version()'),
        )
        const { workers, threads, memoryLimitBytes } = config.engine
        return `DuckDB ${version.rows[0]?.[0]}, ${formatCount(workers, 'worker')} of ${formatCount(threads, 'thread')} and ${formatBytes(memoryLimitBytes)}`
      },
    ],
    ['limits', async () => describeLimits()],
    [
      'project',
      async () => {
        if (!existsSync(join(input.projectFolder, 'lake.ts'))) return `no lake.ts in ${input.projectFolder}`
        const lake = await openLake(platform)
        return `lake.ts declares ${formatCount(lake.tables.length, 'table')}, all sound`
      },
    ],
  ]
}

/** Which of the limits on engine workers this system lets us have. */
function describeLimits(): string {
  const watchdog = process.platform === 'linux' ? 'resident memory (from /proc)' : 'resident memory (from ps)'
  return `active: time (interrupt, then kill), DuckDB's memory limit, ${watchdog}; not used: cgroups, separate user, network namespace`
}

async function examine(check: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { check, isGood: true, detail: await work() }
  } catch (error) {
    if (!isIngotError(error)) throw error
    const detail = error.message
    return { check, isGood: false, detail, ...(error.hint === undefined ? {} : { hint: error.hint }) }
  }
}

function describeFinding({ check, isGood, detail, hint }: Finding, { terminal }: CommandInput): string {
  const { style } = terminal
  const mark = isGood ? style.green('✓') : style.red('✗')
  const line = `${mark} ${check.padEnd(8)} ${detail}`
  return hint === undefined ? line : `${line}\n           ${style.cyan('hint')}  ${hint}`
}
