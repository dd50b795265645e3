import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { nearestName } from './did-you-mean.ts'
import { IngotError } from './errors.ts'

/** The file, beside `lake.ts`, that says where things live; every key has a default. */
const CONFIG_FILE = 'ingot.json'

const MIB = 1024 * 1024

/** The least that workers are tested with. */
const MEMORY_MB_MIN = 256
/** What a worker gets at least where nobody says: enough to sort and join. */
const MEMORY_MB_DEFAULT_MIN = 512

/** Whether only this machine can reach what listens there. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '127.0.0.1'
}

/** Credentials come from where the AWS SDK looks, not from a file that is shown around. */
const endpointSchema = z.url({ protocol: /^https?$/ }).refine(text => !/[@?#]/.test(text), {
  error: 'a URL of a host alone is expected, without user, password or query',
})

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/

/** The store says what else is wrong with it: whatever is said here must not repeat it, as it may hold a password. */
const postgresUrlSchema = z.string().regex(/^postgres(ql)?:\/\//, {
  error: 'a URL that begins with postgresql:// is expected',
})

const fileSchema = z.strictObject({
  storage: z
    .strictObject({
      root: z.string().min(1).optional(),
      s3: z
        .strictObject({
          endpoint: endpointSchema.optional(),
          region: z.string().min(1).optional(),
          pathStyle: z.boolean().optional(),
          vending: z
            .strictObject({
              roleArn: z.string().regex(ROLE_ARN, {
                error: 'the ARN of a role is expected, as in arn:aws:iam::123456789012:role/lake',
              }),
              durationSeconds: z.int().min(900).max(43_200).optional(),
              stsEndpoint: endpointSchema.optional(),
            })
            .optional(),
        })
        .optional(),
    })
    .optional(),
  catalog: z
    .strictObject({
      file: z.string().min(1).optional(),
      postgresUrl: postgresUrlSchema.optional(),
      url: z.url({ protocol: /^https?$/ }).optional(),
      authentication: z.enum(['on', 'off']).optional(),
      tls: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }).optional(),
    })
    .optional(),
  engine: z
    .strictObject({
      workers: z.int().min(1).max(256).optional(),
      threads: z.int().min(1).max(256).optional(),
      memoryMb: z.int().min(MEMORY_MB_MIN).optional(),
      timeLimitSeconds: z.number().positive().optional(),
      extensionFolder: z.string().min(1).optional(),
    })
    .optional(),
  ingest: z
    .strictObject({
      lineBytesMax: z.int().min(1).optional(),
      nestingMax: z.int().min(1).max(1000).optional(),
    })
    .optional(),
  pipeline: z.strictObject({ intervalSeconds: z.number().positive().optional() }).optional(),
  maintenance: z
    .strictObject({
      enabled: z.boolean().optional(),
      intervalSeconds: z.number().positive().optional(),
      budgetSeconds: z.number().positive().optional(),
      budgetMb: z.number().positive().optional(),
    })
    .optional(),
  http: z
    .strictObject({ host: z.string().min(1).optional(), port: z.int().min(0).max(65535).optional() })
    .optional(),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional() }).optional(),
})

/** Where a project's parts live and what they may use: `ingot.json`, overridden by `INGOT_…` variables, parsed once. */
export interface Config {
  readonly projectFolder: string
  /** What Ingot keeps beside the project: the lake unless it lives elsewhere, the catalog, bundles, temporary files. */
  readonly stateFolder: string
  readonly storage: {
    /** A URI: `file:///…` or `s3://bucket/prefix`. */
    readonly root: string
    readonly s3: {
      /** A URL; undefined for AWS's own. */
      readonly endpoint: string | undefined
      /** Undefined: what the AWS SDK finds. */
      readonly region: string | undefined
      /** Undefined: as is usual at the endpoint. */
      readonly pathStyle: boolean | undefined
      /** How engines get credentials that soon end; undefined: they get none. */
      readonly vending:
        | {
            readonly roleArn: string
            readonly durationSeconds: number
            /** A URL; undefined for AWS's own. */
            readonly stsEndpoint: string | undefined
          }
        | undefined
    }
  }
  readonly catalog: {
    /** The embedded store's file. */
    readonly file: string
    /** Set: the store is in this PostgreSQL, and not in `file`. May hold a password: it is shown by describePostgresUrl alone. */
    readonly postgresUrl: string | undefined
    /** Set: the catalog is another process, spoken to over HTTP. */
    readonly url: string | undefined
    /** Whether who asks the catalog must have a token. */
    readonly isAuthenticated: boolean
    /** Files in PEM, with which the catalog serves https; undefined: http. */
    readonly tls: { readonly certificate: string; readonly key: string } | undefined
    /** What a catalog at `url` is asked with. */
    readonly token: string | undefined
    /** What the other parts of the installation ask this catalog with; whoever has it may do everything. */
    readonly serviceToken: string | undefined
  }
  readonly engine: {
    readonly workers: number
    readonly threads: number
    /** Of each worker. */
    readonly memoryLimitBytes: number
    readonly timeLimitMs: number
    /** Where DuckDB's extensions are; undefined: in DuckDB's repository. */
    readonly extensionFolder: string | undefined
  }
  readonly ingest: { readonly lineBytesMax: number; readonly nestingMax: number }
  readonly pipeline: { readonly intervalMs: number }
  readonly maintenance: {
    /** Whether a pipeline that keeps running maintains the tables, too. */
    readonly isEnabled: boolean
    readonly intervalMs: number
    /** How long a round delays the next run, about. */
    readonly budgetSeconds: number
    /** Of data files that a round writes again. */
    readonly budgetBytes: number
  }
  readonly http: { readonly host: string; readonly port: number }
  /** Without a level: what suits the command, `info` for what keeps running and `warn` for the rest. */
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined }
}

type ConfigFile = z.infer<typeof fileSchema>

/** Who names a user in a URL may name a password, too. */
const HAS_USER = /\/\/[^/]*@/

const POSTGRES_URL_VARIABLE = 'INGOT_CATALOG_POSTGRES_URL'

type VariableKind = 'text' | 'number' | 'boolean'

/** Variables that override the file, with the key that each one sets. */
const VARIABLES: Readonly<Record<string, readonly [key: string, kind: VariableKind]>> = {
  INGOT_STORAGE_ROOT: ['storage.root', 'text'],
  INGOT_STORAGE_S3_ENDPOINT: ['storage.s3.endpoint', 'text'],
  INGOT_STORAGE_S3_REGION: ['storage.s3.region', 'text'],
  INGOT_STORAGE_S3_PATH_STYLE: ['storage.s3.pathStyle', 'boolean'],
  INGOT_STORAGE_S3_VENDING_ROLE_ARN: ['storage.s3.vending.roleArn', 'text'],
  INGOT_STORAGE_S3_VENDING_DURATION_SECONDS: ['storage.s3.vending.durationSeconds', 'number'],
  INGOT_STORAGE_S3_VENDING_STS_ENDPOINT: ['storage.s3.vending.stsEndpoint', 'text'],
  INGOT_CATALOG_FILE: ['catalog.file', 'text'],
  [POSTGRES_URL_VARIABLE]: ['catalog.postgresUrl', 'text'],
  INGOT_CATALOG_URL: ['catalog.url', 'text'],
  INGOT_CATALOG_AUTHENTICATION: ['catalog.authentication', 'text'],
  INGOT_CATALOG_TLS_CERTIFICATE: ['catalog.tls.certificate', 'text'],
  INGOT_CATALOG_TLS_KEY: ['catalog.tls.key', 'text'],
  INGOT_ENGINE_WORKERS: ['engine.workers', 'number'],
  INGOT_ENGINE_THREADS: ['engine.threads', 'number'],
  INGOT_ENGINE_MEMORY_MB: ['engine.memoryMb', 'number'],
  INGOT_ENGINE_TIME_LIMIT_SECONDS: ['engine.timeLimitSeconds', 'number'],
  INGOT_ENGINE_EXTENSION_FOLDER: ['engine.extensionFolder', 'text'],
  INGOT_INGEST_LINE_BYTES_MAX: ['ingest.lineBytesMax', 'number'],
  INGOT_INGEST_NESTING_MAX: ['ingest.nestingMax', 'number'],
  INGOT_PIPELINE_INTERVAL_SECONDS: ['pipeline.intervalSeconds', 'number'],
  INGOT_MAINTENANCE_ENABLED: ['maintenance.enabled', 'boolean'],
  INGOT_MAINTENANCE_INTERVAL_SECONDS: ['maintenance.intervalSeconds', 'number'],
  INGOT_MAINTENANCE_BUDGET_SECONDS: ['maintenance.budgetSeconds', 'number'],
  INGOT_MAINTENANCE_BUDGET_MB: ['maintenance.budgetMb', 'number'],
  INGOT_HTTP_HOST: ['http.host', 'text'],
  INGOT_HTTP_PORT: ['http.port', 'number'],
  INGOT_LOG_LEVEL: ['log.level', 'text'],
}

/** Secrets have no key: a file is shown around. */
const SECRETS = {
  token: 'INGOT_CATALOG_TOKEN',
  serviceToken: 'INGOT_CATALOG_SERVICE_TOKEN',
} as const

/**
 * The configuration of the project in `projectFolder`.
 * @throws CONFIG_INVALID naming the key or variable, its value, and what is allowed
 */
export function loadConfig(projectFolder: string, environment: NodeJS.ProcessEnv): Config {
  requireKnownVariables(environment)
  const folder = resolve(projectFolder)
  const path = join(folder, CONFIG_FILE)
  const settings = existsSync(path) ? readConfigFile(path) : {}
  const merged = applyVariables(settings, environment)
  const parsed = fileSchema.safeParse(merged)
  if (!parsed.success) throw invalid(path, parsed.error, environment)
  const config = withDefaults(folder, parsed.data, environment)
  requireAuthentication(config)
  return config
}

/** Whoever reaches a catalog without authentication may drop every table of it. */
function requireAuthentication({ http, catalog }: Config): void {
  if (isLoopbackHost(http.host) || catalog.isAuthenticated) return
  throw new IngotError(
    'CONFIG_INVALID',
    `http.host ${http.host} is reachable from other machines, and catalog.authentication is off`,
    {
      hint: 'make a token with "ingot token create", and set catalog.authentication to "on"; or listen on 127.0.0.1 alone',
      context: { host: http.host },
    },
  )
}

/**
 * `config` with its storage and catalog where the file at `path`, which is like ingot.json, puts them. Variables do not count:
 * they say where the project itself is.
 * @throws CONFIG_INVALID
 */
export function loadTargetConfig(config: Config, path: string): Config {
  if (!existsSync(path)) {
    throw new IngotError('CONFIG_INVALID', `there is no file ${path}`, {
      hint: 'write the storage and the catalog of the target into it, as in ingot.json',
    })
  }
  const parsed = fileSchema.safeParse(readConfigFile(path))
  if (!parsed.success) throw invalid(path, parsed.error, {})
  const { storage, catalog } = withDefaults(config.projectFolder, parsed.data, {})
  return { ...config, storage, catalog }
}

/** A misspelt variable that changed nothing in silence would be found out late. */
function requireKnownVariables(environment: NodeJS.ProcessEnv): void {
  const known = [...Object.keys(VARIABLES), ...Object.values(SECRETS)]
  const unknown = Object.keys(environment).find(name => name.startsWith('INGOT_') && !known.includes(name))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, known)
  const meant = nearest === undefined ? '' : `did you mean ${nearest}? `
  throw new IngotError('CONFIG_INVALID', `there is no variable ${unknown}`, {
    hint: `${meant}docs/configuration.md lists all`,
    context: { variable: unknown },
  })
}

function readConfigFile(path: string): Record<string, unknown> {
  const text = readFileSync(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // Its message quotes the file.
    const reason = HAS_USER.test(text) ? '' : `: ${(error as Error).message}`
    throw new IngotError('CONFIG_INVALID', `${path} is not JSON${reason}`, {
      hint: 'mend the file, or remove it to run on the defaults',
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new IngotError('CONFIG_INVALID', `${path} holds no JSON object`, {
      hint: 'start with {} and add the keys that docs/configuration.md lists',
    })
  }
  return value as Record<string, unknown>
}

function applyVariables(
  settings: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
): Record<string, unknown> {
  let merged = settings
  for (const [variable, [key, kind]] of Object.entries(VARIABLES)) {
    const text = environment[variable]
    if (text !== undefined && text !== '') merged = withKey(merged, key.split('.'), parseVariable(text, kind))
  }
  return merged
}

/** A text that is not of the kind stays a text, which the schema then refuses. */
function parseVariable(text: string, kind: VariableKind): unknown {
  if (kind === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function withKey(
  settings: Record<string, unknown>,
  [name = '', ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  if (rest.length === 0) return { ...settings, [name]: value }
  const section = settings[name] as Record<string, unknown> | undefined
  return { ...settings, [name]: withKey(section ?? {}, rest, value) }
}

function invalid(path: string, error: z.ZodError, environment: NodeJS.ProcessEnv): IngotError {
  const problems = error.issues.map(issue => {
    const key = issue.path.join('.')
    const variable = variableThatSets(key, environment)
    if (variable !== undefined) {
      return {
        isOfFile: false,
        text: `the variable ${variable} ${shownValue(variable, environment)}: ${issue.message}`,
      }
    }
    if (issue.code === 'unrecognized_keys')
      return { isOfFile: true, text: unknownKeys(issue.path, issue.keys) }
    return { isOfFile: true, text: `${key ? `the key ${key}` : 'the file'}: ${issue.message}` }
  })
  const where = problems.some(({ isOfFile }) => isOfFile) ? ` (${path})` : ''
  const lines = problems.map(({ text }) => `\n  ${text}`)
  return new IngotError('CONFIG_INVALID', `the configuration is not valid${where}:${lines.join('')}`, {
    hint: 'docs/configuration.md lists every key with its default',
  })
}

function unknownKeys(section: readonly PropertyKey[], names: readonly string[]): string {
  const prefix = section.map(part => `${String(part)}.`).join('')
  const keys = Object.values(VARIABLES).flatMap(([key]) => (key.startsWith(prefix) ? [key] : []))
  const known = [...new Set(keys.map(key => key.slice(prefix.length).split('.')[0] ?? ''))]
  const texts = names.map(name => {
    const nearest = nearestName(name, known)
    return `there is no key ${prefix}${name}${nearest === undefined ? '' : `: did you mean ${prefix}${nearest}?`}`
  })
  return texts.join('\n  ')
}

/** A password is not repeated: in a URL that is not well-formed it may be anywhere. */
function shownValue(variable: string, environment: NodeJS.ProcessEnv): string {
  if (variable === POSTGRES_URL_VARIABLE) return 'is not right'
  return `is ${environment[variable]?.replace(HAS_USER, '//…@')}`
}

/** The variable that gave `key` its value; undefined when the file did. */
function variableThatSets(key: string, environment: NodeJS.ProcessEnv): string | undefined {
  return Object.entries(VARIABLES).find(([name, [field]]) => environment[name] && field === key)?.[0]
}

function withDefaults(folder: string, file: ConfigFile, environment: NodeJS.ProcessEnv): Config {
  const stateFolder = join(folder, '.ingot')
  const cores = availableParallelism()
  const workers = file.engine?.workers ?? Math.max(1, Math.min(cores, 8))
  const memoryShare = Math.floor(totalmem() / 2 / workers)
  return {
    projectFolder: folder,
    stateFolder,
    storage: {
      root: storageUri(folder, file.storage?.root ?? join(stateFolder, 'lake')),
      s3: {
        endpoint: file.storage?.s3?.endpoint,
        region: file.storage?.s3?.region,
        pathStyle: file.storage?.s3?.pathStyle,
        vending: file.storage?.s3?.vending && {
          roleArn: file.storage.s3.vending.roleArn,
          durationSeconds: file.storage.s3.vending.durationSeconds ?? 3600,
          // Stores other than AWS's own serve STS where they serve S3.
          stsEndpoint: file.storage.s3.vending.stsEndpoint ?? file.storage.s3.endpoint,
        },
      },
    },
    catalog: {
      file: absolute(folder, file.catalog?.file ?? join(stateFolder, 'catalog.db')),
      postgresUrl: file.catalog?.postgresUrl,
      url: file.catalog?.url,
      isAuthenticated: file.catalog?.authentication === 'on',
      tls: file.catalog?.tls && {
        certificate: absolute(folder, file.catalog.tls.certificate),
        key: absolute(folder, file.catalog.tls.key),
      },
      token: environment[SECRETS.token] || undefined,
      serviceToken: environment[SECRETS.serviceToken] || undefined,
    },
    engine: {
      workers,
      threads: file.engine?.threads ?? Math.max(1, Math.floor(cores / workers)),
      memoryLimitBytes: file.engine?.memoryMb
        ? file.engine.memoryMb * MIB
        : Math.max(memoryShare, MEMORY_MB_DEFAULT_MIN * MIB),
      timeLimitMs: (file.engine?.timeLimitSeconds ?? 3600) * 1000,
      extensionFolder: file.engine?.extensionFolder && absolute(folder, file.engine.extensionFolder),
    },
    ingest: {
      lineBytesMax: file.ingest?.lineBytesMax ?? MIB,
      nestingMax: file.ingest?.nestingMax ?? 64,
    },
    pipeline: { intervalMs: (file.pipeline?.intervalSeconds ?? 2) * 1000 },
    maintenance: {
      isEnabled: file.maintenance?.enabled ?? true,
      intervalMs: (file.maintenance?.intervalSeconds ?? 60) * 1000,
      budgetSeconds: file.maintenance?.budgetSeconds ?? 10,
      budgetBytes: (file.maintenance?.budgetMb ?? 256) * MIB,
    },
    http: { host: file.http?.host ?? '127.0.0.1', port: file.http?.port ?? 8181 },
    log: { level: file.log?.level },
  }
}

const absolute = (folder: string, path: string): string => (isAbsolute(path) ? path : join(folder, path))

function storageUri(folder: string, root: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(root)) return `file://${absolute(folder, root)}`
  if (root.startsWith('file:///') || S3_ROOT.test(root)) return root
  throw new IngotError('CONFIG_INVALID', `storage.root is ${root}, which is neither a folder nor S3`, {
    hint: 'give a folder, absolute or relative to the project, a file:/// URI, or s3://bucket/prefix',
  })
}

/** A bucket by the rules for names of buckets, and a prefix of any characters that mean nothing in a URL. */
const S3_ROOT = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/[^/?#\p{Cc}]+)*\/?$/u
