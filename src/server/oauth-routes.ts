import { type Context, Hono } from 'hono'
import type { Authenticator } from '../access/authenticator.ts'
import { type Credential, parseBearerToken, parseCredential } from '../access/credential.ts'
import { isIngotError } from '../errors.ts'
import { sendJson } from './json-exchange.ts'

/** Where the REST spec has its clients look ("getToken"). */
export const TOKEN_PATH = '/v1/oauth/tokens'

const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const FORM_BYTES_MAX = 16 * 1024

type OAuthErrorCode = 'invalid_request' | 'invalid_client' | 'unsupported_grant_type'

/**
 * Client credentials, and access tokens that are to be renewed, exchanged for access tokens (RFC 6749, section 4.4; RFC
 * 8693). A scope is accepted and narrows nothing: what a token may do is what its roles are granted.
 */
export function createOAuthRoutes(authenticator: Authenticator): Hono {
  const app = new Hono()
  app.post(TOKEN_PATH, async context => {
    const form = await readForm(context)
    if (form === undefined) return refuse(context, 'invalid_request', 'the form has too many bytes')
    const grantType = form.get('grant_type')
    if (grantType === 'client_credentials') {
      return await issue(context, authenticator, clientOf(context, form))
    }
    if (grantType === 'urn:ietf:params:oauth:grant-type:token-exchange') {
      return await issue(context, authenticator, parseBearerToken(form.get('subject_token') ?? ''))
    }
    return refuse(context, 'unsupported_grant_type', 'use client_credentials, or token-exchange')
  })
  return app
}

async function issue(
  context: Context,
  authenticator: Authenticator,
  credential: Credential | undefined,
): Promise<Response> {
  if (credential === undefined) return refuse(context, 'invalid_client', 'there is no credential of ours')
  try {
    const { accessToken, expiresInSeconds } = await authenticator.issueToken(credential)
    context.header('cache-control', 'no-store')
    return sendJson(context, {
      access_token: accessToken,
      token_type: 'bearer',
      expires_in: expiresInSeconds,
      issued_token_type: ACCESS_TOKEN_TYPE,
    })
  } catch (error) {
    if (!isIngotError(error, 'NOT_AUTHENTICATED')) throw error
    return refuse(context, 'invalid_client', error.message)
  }
}

/** In the header (RFC 6749, section 2.3.1), which counts before the form. */
function clientOf(context: Context, form: URLSearchParams): Credential | undefined {
  const [, encoded] = /^basic +(\S+)$/i.exec(context.req.header('authorization') ?? '') ?? []
  if (encoded !== undefined) {
    const [, clientId, clientSecret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
    return parseCredential(clientId ?? '', clientSecret ?? '')
  }
  return parseCredential(form.get('client_id') ?? '', form.get('client_secret') ?? '')
}

/** Undefined when it is too long. */
async function readForm(context: Context): Promise<URLSearchParams | undefined> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of context.req.raw.body ?? []) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > FORM_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/** REST spec, OAuthError. */
function refuse(context: Context, error: OAuthErrorCode, description: string): Response {
  return sendJson(context, { error, error_description: description }, error === 'invalid_client' ? 401 : 400)
}
