import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { attempt, pathOf, type Tool } from '../interop/interop-tools.ts'

const VERSIONS = '/usr/lib/postgresql'
const USER = 'ingot'
const STARTS_MAX = 50

const execute = promisify(execFile)

/** Hard to guess, so that a text in which it is found has leaked it. */
export const POSTGRES_PASSWORD = 's3cr3t-p%40ssw0rd'

let found: Promise<Tool> | undefined

/** The folder of PostgreSQL's programs; Debian's package is installed when it is not there and root asks. */
export function postgresTool(): Promise<Tool> {
  found ??= attempt('PostgreSQL', async () => {
    if (findPrograms() === undefined) {
      await execute('apt-get', ['install', '--yes', '--no-install-recommends', 'postgresql'])
    }
    const programs = findPrograms()
    if (programs === undefined) throw new Error(`no initdb in ${VERSIONS}/*/bin`)
    return programs
  })
  return found
}

function findPrograms(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : []
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map(version => join(VERSIONS, version, 'bin'))
    .find(folder => existsSync(join(folder, 'initdb')))
}

/** Where they are, in PEM. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
}

/** A PostgreSQL of its own on 127.0.0.1, in a temporary folder. Each test takes a database of its own. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number
  readonly folder: string
  readonly #programs: string
  readonly #tls: readonly string[]
  #process: ChildProcess | undefined
  #databases = 0

  private constructor(programs: string, folder: string, port: number, tls: readonly string[]) {
    this.#programs = programs
    this.folder = folder
    this.port = port
    this.#tls = tls
  }

  /** @param files a certificate and its key, to speak TLS with */
  static async start(files?: TlsFiles): Promise<PostgresServer> {
    const programs = pathOf(await postgresTool())
    const folder = await mkdtemp(join(tmpdir(), 'ingot-postgres-'))
    const { uid = -1, gid = -1 } = await unprivileged()
    await chown(folder, uid, gid)
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, `${decodeURIComponent(POSTGRES_PASSWORD)}\n`)
    const tls = files === undefined ? [] : await takeTlsFiles(files, folder)
    const server = new PostgresServer(programs, folder, await freePort(), tls)
    const how = ['--no-sync', '--no-instructions', '--auth=scram-sha-256', `--username=${USER}`]
    const texts = ['--encoding=UTF8', '--locale=C', `--pwfile=${passwordFile}`]
    const initdb = join(programs, 'initdb')
    await execute(initdb, [...how, ...texts, join(folder, 'data')], {
      cwd: folder,
      ...(await unprivileged()),
    })
    await server.#start()
    return server
  }

  /** A URL of a database, with the password unless it is left out. */
  url(database: string, options: { readonly password?: boolean; readonly port?: number } = {}): string {
    const { password = true, port = this.port } = options
    return `postgresql://${USER}${password ? `:${POSTGRES_PASSWORD}` : ''}@127.0.0.1:${port}/${database}`
  }

  /** A new database that is empty. Answers its name. */
  async createDatabase(encoding = 'UTF8'): Promise<string> {
    this.#databases += 1
    const name = `test_${this.#databases}`
    await this.query(
      'postgres',
      `create database ${name} encoding '${encoding}' locale 'C' template template0`,
    )
    return name
  }

  /** The rows of a statement, by a connection of its own, as an operator would run it: lines of `|`-separated values. */
  async query(database: string, statement: string): Promise<readonly string[]> {
    const options = ['--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '-v', 'ON_ERROR_STOP=1']
    const psql = join(this.#programs, 'psql')
    const { stdout } = await execute(psql, [...options, '-c', statement, this.url(database)])
    return stdout.split('\n').filter(line => line !== '')
  }

  /** As `pg_ctl restart -m immediate`: connections break at once, and what was committed is recovered from the log. */
  async restart(): Promise<void> {
    await this.#end('SIGQUIT')
    await this.#start()
  }

  /** Kills the postmaster itself, as the kernel does when memory is short, and starts another. */
  async killAndRestart(): Promise<void> {
    await this.#end('SIGKILL')
    await this.#start()
  }

  /** Ends, to be started again by `restart`. */
  async stop(): Promise<void> {
    await this.#end('SIGQUIT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGQUIT')
    await rm(this.folder, { recursive: true })
  }

  /** Lets this process end while the server runs, and stops the server then. */
  stopAtExit(): void {
    this.#process?.unref()
    const stderr = this.#process?.stderr
    if (stderr instanceof Socket) stderr.unref()
    process.once('exit', () => {
      const pid = this.#process?.pid
      if (pid !== undefined) process.kill(pid, 'SIGQUIT')
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 })
    })
  }

  async #start(): Promise<void> {
    const settings = [
      `port=${this.port}`,
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${this.folder}`,
    ]
    // The tests kill processes, never the machine: what the kernel has is safe.
    const all = [...settings, 'fsync=off', 'max_connections=100', 'lc_messages=C', ...this.#tls]
    const args = ['-D', join(this.folder, 'data'), ...all.flatMap(setting => ['-c', setting])]
    let output = ''
    for (let start = 1; start <= STARTS_MAX; start++) {
      const child = spawn(join(this.#programs, 'postgres'), args, {
        cwd: this.folder,
        stdio: ['ignore', 'ignore', 'pipe'],
        ...(await unprivileged()),
      })
      this.#process = child
      const lines = createInterface({ input: child.stderr })
      output = ''
      const isReady = new Promise<boolean>(resolve => {
        lines.on('line', line => {
          output += `${line}\n`
          if (line.includes('database system is ready to accept connections')) resolve(true)
        })
        child.once('exit', () => resolve(false))
      })
      if (await isReady) return
      // Children of a postmaster that was killed still hold its memory for a moment: it is left only to try again.
      this.#process = undefined
    }
    throw new Error(`PostgreSQL does not start: ${output}`)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
}

/** Copies of the files that the server may read, and the settings that name them. */
async function takeTlsFiles(files: TlsFiles, folder: string): Promise<readonly string[]> {
  const { uid = -1, gid = -1 } = await unprivileged()
  const copies = { ssl_cert_file: files.certificate, ssl_key_file: files.key }
  const settings = Object.entries(copies).map(async ([setting, file]) => {
    const copy = join(folder, setting)
    await copyFile(file, copy)
    // The server refuses a key that others can read.
    await chmod(copy, 0o600)
    await chown(copy, uid, gid)
    return `${setting}=${copy}`
  })
  return ['ssl=on', ...(await Promise.all(settings))]
}

/** The user that the server runs as: initdb and postgres refuse root. */
async function unprivileged(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all(['-u', '-g'].map(flag => execute('id', [flag, 'postgres'])))
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
