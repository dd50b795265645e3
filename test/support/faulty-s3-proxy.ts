import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { S3Fault, S3FaultPlan } from './s3-faults.ts'

/** What a store answered. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

interface Exchange {
  readonly response: ServerResponse
  /** Makes the request of the store. */
  apply(): Promise<Answer>
}

/** A store that speaks S3, with the faults of a plan. Dispose of it. */
export class FaultyS3Proxy implements AsyncDisposable {
  readonly endpoint: string
  readonly #server: Server
  readonly #underWay: Set<Promise<void>>

  private constructor(server: Server, underWay: Set<Promise<void>>) {
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.#server = server
    this.#underWay = underWay
  }

  static async start(store: string, plan: S3FaultPlan): Promise<FaultyS3Proxy> {
    const underWay = new Set<Promise<void>>()
    const server = createServer((incoming, response) => {
      const work = handle(store, plan, incoming, response).finally(() => underWay.delete(work))
      underWay.add(work)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultyS3Proxy(server, underWay)
  }

  /** Resolves when the requests that clients have given up on have reached the store, too. */
  async untilQuiet(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
    await this.untilQuiet()
  }
}

async function handle(
  store: string,
  plan: S3FaultPlan,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(incoming)
  const fault = plan.next(kindOf(incoming), incoming.headers['if-none-match'] !== undefined)
  const exchange: Exchange = { response, apply: () => forward(store, incoming, body) }
  if (fault === undefined) send(response, await exchange.apply())
  else await FAULTS[fault](exchange)
}

/** Without the ids that differ from run to run. */
function kindOf({ method, url = '' }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, 'http://store')
  const parameters = [...searchParams].map(([name, value]) =>
    name === 'uploadId' ? name : `${name}=${value}`,
  )
  return [method, pathname, ...parameters].join(' ')
}

const FAULTS: Readonly<Record<S3Fault, (exchange: Exchange) => Promise<void>>> = {
  'refused by 500': async ({ response }) => refuse(response, 500, 'InternalError'),
  'refused by 503': async ({ response }) => refuse(response, 503, 'SlowDown'),
  'refused by 409': async ({ response }) => refuse(response, 409, 'ConditionalRequestConflict'),
  'refused by 412': async ({ response }) => refuse(response, 412, 'PreconditionFailed'),
  'refused by a reset': async ({ response }) => void response.socket?.resetAndDestroy(),
  'applied, answered 500': async ({ response, apply }) => {
    await apply()
    refuse(response, 500, 'InternalError')
  },
  'applied, answered 412': async ({ response, apply }) => {
    await apply()
    refuse(response, 412, 'PreconditionFailed')
  },
  'applied, unanswered': async ({ response, apply }) => {
    await apply()
    response.socket?.resetAndDestroy()
  },
  truncated: async ({ response, apply }) => {
    const { status, headers, body } = await apply()
    response.writeHead(status, { ...headers, 'content-length': body.length })
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy())
  },
  late: async ({ response, apply }) => {
    await once(response, 'close')
    await apply()
  },
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body)
}

/** Makes the request of the store that a client made of a proxy before it. */
export async function forward(
  store: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  const { expect: _, connection: __, ...kept } = headers
  const outgoing = request(`${store}${url}`, {
    ...(method && { method }),
    headers: { ...kept, 'content-length': body.length },
    agent: false,
  })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  const { 'transfer-encoding': ___, connection: ____, ...answerHeaders } = answer.headers
  return { status: answer.statusCode ?? 502, headers: answerHeaders, body: await buffer(answer) }
}
