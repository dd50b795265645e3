import { fileURLToPath } from 'node:url'
import { createCredential, toBearerToken } from '../access/credential.ts'
import { systemClock } from '../clock.ts'
import { type Config, loadConfig } from '../config.ts'
import { IngotError } from '../errors.ts'
import { systemRandom } from '../random.ts'
import { runCatalogRole } from '../roles/catalog-role.ts'
import { runPipelineRole } from '../roles/pipeline-role.ts'
import type { RoleMessage } from '../roles/role-message.ts'
import type { RoleOptions } from '../roles/role-options.ts'
import { superviseLake } from '../roles/supervise-lake.ts'
import type { RoleChange } from '../roles/supervisor.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { LakeProgress } from './lake-progress.ts'
import { exitCodeOf } from './run.ts'
import { RunProgress } from './run-progress.ts'
import type { Terminal } from './terminal.ts'

const ENTRY = fileURLToPath(new URL('./main.js', import.meta.url))

export const startCommand: Command = {
  name: 'start',
  summary: 'run everything: the catalog and the pipeline, each a process of its own, watched',
  options: {
    once: { config: { type: 'boolean' }, help: 'end after one run' },
    role: {
      config: { type: 'string' },
      value: '<catalog|pipeline>',
      help: 'run this part alone, in this process',
    },
    watched: {
      config: { type: 'boolean' },
      help: 'with --role: whoever started it shows its runs; log only the rest, for a person',
    },
  },
  examples: ['ingot start', 'ingot start --once', 'ingot start --role catalog'],
  run: async input => {
    const config = loadConfig(input.projectFolder, input.environment)
    const role = input.text('role')
    return role === undefined
      ? await startAll(input, config)
      : await asRole(() => startRole(role, input, config))
  },
}

async function startRole(role: string, input: CommandInput, config: Config): Promise<number> {
  const { signal } = input
  const options: RoleOptions = { isWatched: input.flag('watched'), signal, send: tellSupervisor }
  if (role === 'catalog') {
    await runCatalogRole(config, options)
    return EXIT.ok
  }
  if (role === 'pipeline') {
    const report = await runPipelineRole(config, { ...options, once: input.flag('once') })
    return report === undefined ? EXIT.ok : exitCodeOf(report)
  }
  throw new IngotError('REQUEST_INVALID', `there is no role ${role}`, { hint: 'use catalog or pipeline' })
}

/** To whoever started this role; started alone, nobody listens. */
function tellSupervisor(message: RoleMessage): void {
  if (process.connected) process.send?.(message)
}

/** Ends the role when its supervisor is gone, however that ended, and lets the process end when the role has. */
async function asRole(work: () => Promise<number>): Promise<number> {
  const endWithSupervisor = (): boolean => process.kill(process.pid, 'SIGTERM')
  process.once('disconnect', endWithSupervisor)
  try {
    return await work()
  } finally {
    process.off('disconnect', endWithSupervisor)
    if (process.connected) process.disconnect()
  }
}

async function startAll(input: CommandInput, config: Config): Promise<number> {
  const { terminal, signal, projectFolder } = input
  const once = input.flag('once')
  // Where nobody watches a lake that keeps running, its log tells of the runs, as JSON.
  const isWatched = !input.json && (once || terminal.interactive)
  const progress = once ? new RunProgress(terminal) : new LakeProgress(terminal, systemClock)
  try {
    const exitCode = await superviseLake({
      ...{ entry: ENTRY, projectFolder, signal, once, isWatched, clock: systemClock },
      // One run needs no known port.
      port: once ? 0 : config.http.port,
      serviceToken: toBearerToken(createCredential(systemRandom)),
      publicUrl: config.catalog.tls && config.catalog.url,
      environment: roleEnvironment(input, config, once || isWatched),
      onCatalog: url => {
        if (!once) terminal.err(`catalog (Iceberg REST) at ${url}; Ctrl-C ends it`)
      },
      onRun: event => {
        if (input.json) terminal.out(JSON.stringify(event))
        else if (isWatched) progress.show(event)
      },
      onChange: change => showChange(terminal, change, once),
    })
    return signal.aborted && once ? EXIT.interrupted : exitCode
  } finally {
    progress.close()
  }
}

/** What is shown need not be logged, too: then the roles tell only what goes wrong, unless the configuration says otherwise. */
function roleEnvironment(
  { environment }: CommandInput,
  { log }: Config,
  isShown: boolean,
): NodeJS.ProcessEnv {
  return isShown && log.level === undefined ? { ...environment, INGOT_LOG_LEVEL: 'warn' } : environment
}

function showChange({ err, style }: Terminal, change: RoleChange, once: boolean): void {
  if (change.type === 'died') {
    err(style.yellow(`${change.role} ${change.reason}; started again in ${change.restartInMs} ms`))
  } else if (change.type === 'started' && !once) {
    err(style.dim(`${change.role} runs as process ${change.pid}`))
  }
}
