import type { Clock } from '../clock.ts'
import type { RunEvent } from '../pipeline/run-events.ts'
import type { RoleMessage } from './role-message.ts'
import { type RoleChange, RoleFailed, type RoleSpec, Supervisor } from './supervisor.ts'

export interface SuperviseLakeOptions {
  /** The program's entry file. */
  readonly entry: string
  readonly projectFolder: string
  readonly environment: NodeJS.ProcessEnv
  /** The port that the catalog asks for at its first start; it keeps the one it got. */
  readonly port: number
  /** What the pipeline asks the catalog with; known to these processes alone, and gone with them. */
  readonly serviceToken: string
  /** Where the pipeline finds the catalog: a certificate has the name of a host. Undefined: where it listens. */
  readonly publicUrl: string | undefined
  /** End when the pipeline has made one run. */
  readonly once: boolean
  /** Runs are shown as `onRun` tells them: the roles need not log them. */
  readonly isWatched: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
  onCatalog(url: string): void
  onRun(event: RunEvent): void
  onChange(change: RoleChange): void
}

/**
 * Runs the catalog and the pipeline as processes of their own until `signal` is aborted or, with `once`, the pipeline has
 * made one run. Resolves with the exit code of the pipeline: 0 when all was well.
 */
export async function superviseLake(options: SuperviseLakeOptions): Promise<number> {
  const { signal, clock, entry } = options
  const supervisor = new Supervisor({ entry, clock, onChange: change => options.onChange(change) })
  const catalog = catalogSpec(options)
  const stopped = new Promise<'stopped'>(resolve => {
    if (signal.aborted) resolve('stopped')
    signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  try {
    const catalogEnds = supervisor.run(catalog.spec)
    const url = await Promise.race([catalog.url, catalogEnds, stopped])
    if (url === undefined || url === 'stopped') return 0
    options.onCatalog(url)
    await Promise.race([supervisor.run(pipelineSpec(options, url)), catalogEnds, stopped])
    return 0
  } catch (error) {
    if (error instanceof RoleFailed) return error.exitCode
    throw error
  } finally {
    await supervisor.close()
  }
}

function catalogSpec(options: SuperviseLakeOptions): {
  readonly spec: RoleSpec
  readonly url: Promise<string>
} {
  let port = options.port
  let found: (url: string) => void = () => undefined
  const url = new Promise<string>(resolve => {
    found = resolve
  })
  const spec: RoleSpec = {
    name: 'catalog',
    args: roleArguments('catalog', options),
    // Started again, it listens where its clients look for it.
    environment: () => ({
      ...options.environment,
      INGOT_HTTP_PORT: String(port),
      INGOT_CATALOG_SERVICE_TOKEN: options.serviceToken,
    }),
    onMessage: message => {
      const { type, ...listening } = message as RoleMessage
      if (type !== 'listening' || !('port' in listening)) return
      port = listening.port
      found(listening.url)
    },
  }
  return { spec, url }
}

function pipelineSpec(options: SuperviseLakeOptions, catalogUrl: string): RoleSpec {
  return {
    name: 'pipeline',
    args: [...roleArguments('pipeline', options), ...(options.once ? ['--once'] : [])],
    environment: () => ({
      ...withoutStore(options.environment),
      INGOT_CATALOG_URL: options.publicUrl ?? catalogUrl,
      INGOT_CATALOG_TOKEN: options.serviceToken,
    }),
    onMessage: message => {
      const received = message as RoleMessage
      if (received.type === 'run') options.onRun(received.event)
    },
    finishes: options.once,
  }
}

/** Only the catalog needs to get at its store: the others do not even know where that is. */
function withoutStore(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(PG.*|INGOT_CATALOG_(FILE|POSTGRES_URL))$/.test(name)),
  )
}

function roleArguments(role: string, { projectFolder, isWatched }: SuperviseLakeOptions): readonly string[] {
  return ['start', '--role', role, '--project', projectFolder, ...(isWatched ? ['--watched'] : [])]
}
