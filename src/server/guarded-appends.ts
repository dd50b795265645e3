import { requireOn } from '../access/require-access.ts'
import type { AppendQueue } from '../table/append-queue.ts'
import type { RequestSessions } from './request-sessions.ts'

/**
 * The queue, for those who may write to the table. It is shared by all: what it commits is for many principals at once, and
 * is done by none of them.
 */
export function guardAppends(queue: AppendQueue, sessions: RequestSessions): Pick<AppendQueue, 'enqueue'> {
  return {
    enqueue: async request => {
      const session = sessions.current()
      requireOn(session, 'write', request.identifier)
      return await queue.enqueue({ ...request, principal: session.principal })
    },
  }
}
