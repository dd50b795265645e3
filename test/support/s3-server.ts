import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { INTEROP_SOURCES, motoTool, pathOf, type Tool } from '../interop/interop-tools.ts'

/** Hard to guess, so that a text in which one is found has leaked it. */
export const S3_CREDENTIALS = {
  accessKeyId: 'AKIA7INGOT2TEST3KEY4',
  secretAccessKey: 'wJalrXUtnFEMI-K7MDENG-bPxRfiCY-INGOTSECRET',
} as const
export const S3_REGION = 'us-east-1'

/** A real program that serves S3 on 127.0.0.1. */
export interface S3Program {
  readonly name: string
  tool(): Promise<Tool>
  /** `port` is a free one; the program may take another that it prints. */
  command(
    folder: string,
    port: number,
  ): { readonly args: readonly string[]; readonly environment: NodeJS.ProcessEnv }
  /** The line that it prints when it listens, with its port if that is another. */
  readonly ready: RegExp
}

export const MOTO: S3Program = {
  name: 'moto',
  tool: motoTool,
  command: () => ({
    args: [join(INTEROP_SOURCES, 'serve_moto.py')],
    // Uploads in parts can be small ones.
    environment: { S3_UPLOAD_PART_MIN_SIZE: '1' },
  }),
  ready: /^listening on (\d+)$/,
}

/** One of these programs as a process, with a folder of its own. Dispose of it. */
export class S3Server implements AsyncDisposable {
  readonly endpoint: string
  readonly #child: ChildProcess
  readonly #folder: string
  #buckets = 0

  private constructor(endpoint: string, child: ChildProcess, folder: string) {
    this.endpoint = endpoint
    this.#child = child
    this.#folder = folder
  }

  static async start(program: S3Program): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), `ingot-${program.name}-`))
    const port = await freePort()
    const { args, environment } = program.command(folder, port)
    const child = spawn(pathOf(await program.tool()), args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const match = await untilLine(child, program.ready)
    return new S3Server(`http://127.0.0.1:${match[1] ?? port}`, child, folder)
  }

  /** A new bucket that is empty. Answers its name. */
  async createBucket(): Promise<string> {
    this.#buckets += 1
    const name = `lake-${this.#buckets}`
    const client = new S3Client({
      endpoint: this.endpoint,
      region: S3_REGION,
      forcePathStyle: true,
      credentials: S3_CREDENTIALS,
    })
    await client.send(new CreateBucketCommand({ Bucket: name }))
    client.destroy()
    return name
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await exit
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** The match of the first line on either output; rejects when the process ends before. */
async function untilLine(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let output = ''
  return await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', line => {
        output = `${output}${line}\n`.slice(-4000)
        const match = pattern.exec(line)
        if (match) resolve(match)
      })
    }
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${child.spawnfile} ended: ${output}`)))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
