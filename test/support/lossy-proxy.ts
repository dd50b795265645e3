import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Forwards connections to a port of this host, and breaks them when it is told to. */
export class LossyProxy implements AsyncDisposable {
  readonly port: number
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets: Set<Socket>

  private constructor(server: ReturnType<typeof createServer>, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    this.#sockets = sockets
  }

  /** `isLost` sees all bytes that clients send: once it says yes, the answer to them is the last thing to be lost. */
  static async start(target: number, isLost: (sent: Buffer) => boolean): Promise<LossyProxy> {
    const sockets = new Set<Socket>()
    const server = createServer(client => {
      let isBroken = false
      const upstream = connect(target, '127.0.0.1')
      client.on('data', bytes => {
        if (isLost(bytes)) isBroken = true
        upstream.write(bytes)
      })
      // The server has done it, and the client never hears of it.
      upstream.on('data', bytes => (isBroken ? client.destroy() : client.write(bytes)))
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          client.destroy()
          upstream.destroy()
          sockets.delete(socket)
        })
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new LossyProxy(server, sockets)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
