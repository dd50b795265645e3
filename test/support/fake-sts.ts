import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** How the next requests are answered: with new credentials, or as STS refuses. */
export interface StsAnswer {
  readonly status: number
  readonly body: string
}

/** A server that answers AssumeRole as it is told, and remembers what it was asked. Dispose of it. */
export class FakeSts implements AsyncDisposable {
  readonly endpoint: string
  /** The parameters of each request. */
  readonly requests: URLSearchParams[] = []
  /** What is answered in the place of credentials, one after another. */
  readonly refusals: StsAnswer[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(): Promise<FakeSts> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sts = new FakeSts(server)
    server.on('request', async (request, response) => {
      sts.requests.push(new URLSearchParams(await text(request)))
      const { status, body } = sts.refusals.shift() ?? granted(sts.requests.length)
      response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
    })
    return sts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** What STS refuses with. */
export function stsRefusal(status: number, code: string, message: string): StsAnswer {
  return {
    status,
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`,
  }
}

function granted(n: number): StsAnswer {
  const credentials = `<AccessKeyId>ASIA${n}</AccessKeyId><SecretAccessKey>VENDEDSECRET${n}x</SecretAccessKey><SessionToken>TOKEN${n}</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>`
  return {
    status: 200,
    body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  }
}
