import { once } from 'node:events'
import { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { isLoopbackHost } from '../config.ts'
import { IngotError } from '../errors.ts'

/** Where an app listens. */
export interface ServeHttpOptions {
  readonly app: Hono
  /** Only this machine: there is no authentication. @default 127.0.0.1 */
  readonly host?: string
  /** 0: any free one. */
  readonly port: number
}

/** A server that listens. */
export interface HttpServer {
  /** Without a slash at its end: `http://127.0.0.1:8181`. */
  readonly url: string
  readonly port: number
  /** Takes no more requests and resolves when those under way are answered. */
  close(): Promise<void>
}

/** Resolves when the app is listening. @throws CONFIG_INVALID when the address is not loopback, or the port cannot be had */
export async function serveHttp(options: ServeHttpOptions): Promise<HttpServer> {
  const { app, host = '127.0.0.1', port } = options
  if (!isLoopbackHost(host)) {
    throw new IngotError('CONFIG_INVALID', `http.host ${host} is reachable from other machines`, {
      hint: 'use 127.0.0.1: there is no authentication yet; put a proxy that authenticates before it',
    })
  }
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new IngotError(
      'CONFIG_INVALID',
      `cannot listen on ${host} port ${port}: ${(cause as Error).message}`,
      {
        cause,
        hint: 'choose another http.port, or stop what uses it',
      },
    )
  }
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve, reject) => {
        // Idle connections are closed by `close`; those in use now must not stay open for more requests.
        if (server instanceof Server) server.keepAliveTimeout = 1
        server.close(error => (error ? reject(error) : resolve()))
      }),
  }
}
