import type { Context, MiddlewareHandler } from 'hono'
import type { Authenticator } from '../access/authenticator.ts'
import { notAuthenticated } from '../access/authenticator.ts'
import { type Credential, parseBearerToken } from '../access/credential.ts'
import { IngotError } from '../errors.ts'
import { TOKEN_PATH } from './oauth-routes.ts'
import type { RequestSessions } from './request-sessions.ts'

/** Answered without a token: what says that the server lives, and where tokens come from. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', TOKEN_PATH])

/** Lets requests pass that carry a bearer token (RFC 6750), each in the session of its principal. */
export function requireToken(authenticator: Authenticator, sessions: RequestSessions): MiddlewareHandler {
  return async (context, next) => {
    if (OPEN_PATHS.has(context.req.path)) return await next()
    const session = await authenticator.openSession(credentialOf(context))
    return await sessions.run(session, next)
  }
}

/** What a 401 says of how to do better (RFC 6750, section 3). */
export function challengeOf(context: Context): string {
  const isRefused = context.req.header('authorization') !== undefined
  return `Bearer realm="ingot"${isRefused ? ', error="invalid_token"' : ''}`
}

function credentialOf(context: Context): Credential {
  const header = context.req.header('authorization')
  if (header === undefined) {
    throw new IngotError('NOT_AUTHENTICATED', 'the request has no token', {
      hint: 'set INGOT_CATALOG_TOKEN, or send it as: Authorization: Bearer <token>',
    })
  }
  const [, token = ''] = /^bearer +(\S+)$/i.exec(header) ?? []
  const credential = parseBearerToken(token)
  if (credential === undefined) throw notAuthenticated()
  return credential
}
