import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Session } from '../access/session.ts'

/** Whose request is being answered, for what is called on the way to the answer: no route can forget to ask. */
export class RequestSessions {
  readonly #storage = new AsyncLocalStorage<Session>()

  /** Does the work of one request. */
  run<T>(session: Session, work: () => T): T {
    return this.#storage.run(session, work)
  }

  /** To be called in the work of a request. */
  current(): Session {
    const session = this.#storage.getStore()
    assert.ok(session, 'there is no request')
    return session
  }
}
