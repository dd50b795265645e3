import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { type Config, loadConfig } from '../config.ts'
import { isIngotError } from '../errors.ts'
import { openLake, type Platform, tempFolderOf } from '../platform.ts'
import { randomUuid } from '../random.ts'
import { countTempFolders } from '../storage/temp-folder.ts'
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
    const findings = await findingsOf(input)
    const isGood = findings.every(finding => finding.isGood)
    if (input.json) input.terminal.out(JSON.stringify({ isGood, findings }))
    else for (const finding of findings) input.terminal.out(describeFinding(finding, input))
    return isGood ? EXIT.ok : EXIT.failed
  },
}

async function findingsOf(input: CommandInput): Promise<readonly Finding[]> {
  const config = loadConfig(input.projectFolder, input.environment)
  // Before anything is opened: whoever opens a project clears up.
  const leftovers = await examine('leftovers', () => describeLeftovers(config))
  const findings: Finding[] = []
  let opened: Platform
  try {
    opened = await openProject(input)
  } catch (error) {
    if (isIngotError(error, 'CONFIG_INVALID')) throw error
    const check = isIngotError(error, 'STORAGE_FAILED') ? 'storage' : 'catalog'
    return [await examine(check, () => Promise.reject(error)), leftovers]
  }
  await using platform = opened
  for (const [check, work] of checksOf(input, platform)) findings.push(await examine(check, work))
  return [...findings, leftovers]
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
    ['catalog', () => describeCatalog(platform)],
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

async function describeCatalog({ config, context, store }: Platform): Promise<string> {
  const namespaces = formatCount((await context.catalog.listNamespaces()).length, 'namespace')
  if (store === undefined) return `${config.catalog.url} answers, ${namespaces}`
  const { program, place, migrations } = await store.describe()
  return `${program}, ${place}, answers: schema ${migrations.length} (${migrations.join(', ')}), ${namespaces}`
}

/** Files of a run that was killed and that are in no table are what maintenance removes; these are in no lake at all. */
async function describeLeftovers(config: Config): Promise<string> {
  const { inUse, abandoned, elsewhere } = await countTempFolders(tempFolderOf(config), systemClock.nowMs())
  const folders = (count: number): string => formatCount(count, 'temporary folder')
  const texts = [
    abandoned > 0 ? `${folders(abandoned)} of processes that were killed, removed now` : '',
    elsewhere > 0 ? `${folders(elsewhere)} of processes of another host, kept for a day` : '',
    inUse > 0 ? `${folders(inUse)} in use` : '',
  ].filter(text => text !== '')
  return texts.length === 0 ? 'none' : texts.join('; ')
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
  const line = `${mark} ${check.padEnd(9)} ${detail}`
  return hint === undefined ? line : `${line}\n            ${style.cyan('hint')}  ${hint}`
}
