import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type Answer, forward } from './faulty-s3-proxy.ts'
import { isAllowed, type SessionPolicy } from './session-policies.ts'

/** A session that STS gave out, and what for. */
export interface RecordedSession {
  readonly accessKeyId: string
  readonly name: string
  readonly roleArn: string
  readonly policy: SessionPolicy
}

/**
 * Stands before a store that serves S3 and STS: it remembers the sessions that are given out, and holds each of them to its policy, which moto does
 * not. Whoever comes with no session and is not the owner is refused. Dispose of it.
 */
export class SessionProxy implements AsyncDisposable {
  readonly endpoint: string
  readonly sessions: RecordedSession[] = []
  /** Each as `GET /lake/key`. */
  readonly refused: string[] = []
  readonly #server: Server
  readonly #store: string
  readonly #ownerKeyId: string

  private constructor(server: Server, store: string, ownerKeyId: string) {
    this.#server = server
    this.#store = store
    this.#ownerKeyId = ownerKeyId
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** @param ownerKeyId the access key of who may do everything */
  static async start(store: string, ownerKeyId: string): Promise<SessionProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new SessionProxy(server, store, ownerKeyId)
    server.on('request', async (incoming, response) => {
      const { status, headers, body } = await proxy.#answer(incoming)
      response.writeHead(status, headers).end(body)
    })
    return proxy
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async #answer(incoming: IncomingMessage): Promise<Answer> {
    const body = await buffer(incoming)
    const { method = '', url = '' } = incoming
    const keyId = /Credential=([^/]+)\//.exec(incoming.headers.authorization ?? '')?.[1]
    if (keyId === this.#ownerKeyId) {
      const answer = await forward(this.#store, incoming, body)
      this.#record(body, answer)
      return answer
    }
    const session = this.sessions.find(({ accessKeyId }) => accessKeyId === keyId)
    if (session !== undefined && isAllowed(session.policy, { method, url, body: body.toString() })) {
      return await forward(this.#store, incoming, body)
    }
    this.refused.push(`${method} ${url}`)
    const text =
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
    return { status: 403, headers: { 'content-type': 'application/xml' }, body: Buffer.from(text) }
  }

  #record(body: Buffer, answer: Answer): void {
    const asked = new URLSearchParams(body.toString())
    const accessKeyId = /<AccessKeyId>([^<]+)</.exec(answer.body.toString())?.[1]
    if (asked.get('Action') !== 'AssumeRole' || accessKeyId === undefined) return
    this.sessions.push({
      accessKeyId,
      name: asked.get('RoleSessionName') ?? '',
      roleArn: asked.get('RoleArn') ?? '',
      policy: JSON.parse(asked.get('Policy') ?? '') as SessionPolicy,
    })
  }
}
