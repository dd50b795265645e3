import { once } from 'node:events'
import { Server } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import type { Hono } from 'hono'
import { isLoopbackHost } from '../config.ts'
import { IngotError } from '../errors.ts'

/** Where an app listens. */
export interface ServeHttpOptions {
  readonly app: Hono
  /** @default 127.0.0.1 */
  readonly host?: string
  /** Whether the app asks for tokens: only then may other machines reach it. @default false */
  readonly isAuthenticated?: boolean
  /** Certificate chain and private key, in PEM, for https. @default http */
  readonly tls?: { readonly certificate: string; readonly key: string }
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
  const { app, host = '127.0.0.1', port, isAuthenticated = false, tls } = options
  if (!isLoopbackHost(host) && !isAuthenticated) {
    throw new IngotError('CONFIG_INVALID', `http.host ${host} is reachable from other machines`, {
      hint: 'use 127.0.0.1, or set catalog.authentication to "on"',
    })
  }
  const server = createServerFor(app, tls)
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
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve, reject) => {
        // Idle connections are closed by `close`; those in use now must not stay open for more requests.
        if (server instanceof Server || server instanceof HttpsServer) server.keepAliveTimeout = 1
        server.close(error => (error ? reject(error) : resolve()))
      }),
  }
}

/** @throws CONFIG_INVALID when certificate and key are none, or not of one another */
function createServerFor(app: Hono, tls: ServeHttpOptions['tls']): ServerType {
  const common = { fetch: app.fetch, overrideGlobalObjects: false }
  if (tls === undefined) return createAdaptorServer(common)
  try {
    const serverOptions = { cert: tls.certificate, key: tls.key }
    return createAdaptorServer({ ...common, createServer: createHttpsServer, serverOptions })
  } catch (cause) {
    throw new IngotError('CONFIG_INVALID', `catalog.tls cannot be used: ${(cause as Error).message}`, {
      cause,
      hint: 'catalog.tls.certificate is a certificate chain, and catalog.tls.key its private key, both in PEM',
    })
  }
}
