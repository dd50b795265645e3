import { createCredential, hashSecret, toBearerToken } from '../access/credential.ts'
import { ADMIN_ROLE, checkAccessName } from '../access/grants.ts'
import type { CredentialRecord } from '../catalog/access-store.ts'
import { IngotError } from '../errors.ts'
import type { CommandInput } from './command.ts'
import { parseDuration } from './duration.ts'
import { type OwnAccess, onAccess } from './own-access.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'
import { verbCommand } from './verb-command.ts'

export const tokenCommand = verbCommand({
  name: 'token',
  summary: 'let somebody use the catalog: create, list and revoke tokens',
  options: {
    role: {
      config: { type: 'string', multiple: true },
      value: '<role>',
      help: `create: what it may do; may be given several times (${ADMIN_ROLE}: everything)`,
    },
    'expires-in': {
      config: { type: 'string' },
      value: '<duration>',
      help: 'create: after which it is refused (90d; default: never)',
    },
  },
  examples: [
    'ingot token create ann --role analyst --expires-in 90d',
    'ingot token list',
    'ingot token revoke ann',
  ],
  verbs: {
    create: {
      positionals: '<principal>',
      positionalsCount: [1, 1],
      options: ['role', 'expires-in'],
      run: onAccess(createToken),
    },
    list: { run: onAccess(listTokens) },
    revoke: { positionals: '<principal|client id>', positionalsCount: [1, 1], run: onAccess(revokeTokens) },
  },
})

async function createToken({ platform, access }: OwnAccess, input: CommandInput): Promise<void> {
  const [, principal = ''] = input.positionals
  const roles = input.texts('role')
  if (roles.length === 0) {
    throw new IngotError('REQUEST_INVALID', 'a token without a role may do nothing', {
      hint: `give --role: one that "ingot role list" shows, or ${ADMIN_ROLE}`,
    })
  }
  checkAccessName('principal', principal)
  for (const role of roles) checkAccessName('role', role)
  const lifetime = input.text('expires-in')
  const createdAtMs = platform.clock.nowMs()
  const expiresAtMs =
    lifetime === undefined ? undefined : createdAtMs + parseDuration(lifetime, '--expires-in')
  const credential = createCredential(platform.random)
  const { clientId, clientSecret } = credential
  await access.addCredential({
    ...{ clientId, principal, roles, createdAtMs, expiresAtMs },
    secretHash: hashSecret(clientSecret),
    issuedFrom: undefined,
  })
  const { terminal, json } = input
  const token = toBearerToken(credential)
  if (json) {
    terminal.out(
      formatJson({ token, clientId, clientSecret, principal, roles, expiresAt: toDate(expiresAtMs) }),
    )
    return
  }
  // Alone on standard output, for a shell to take it.
  terminal.out(token)
  terminal.err(`for ${principal}, as ${roles.join(', ')}; it is not shown again`)
  terminal.err(`as OAuth2 client: id ${clientId}, secret the part after the last _`)
  const granted = new Set((await access.grants()).map(({ role }) => role))
  for (const role of roles.filter(each => each !== ADMIN_ROLE && !granted.has(each))) {
    terminal.err(terminal.style.yellow(`nothing is granted to ${role} yet: ingot grant --help`))
  }
}

async function listTokens({ access }: OwnAccess, { terminal, json }: CommandInput): Promise<void> {
  const credentials = await access.credentials()
  if (json) return terminal.out(formatJson(credentials.map(toListed)))
  if (credentials.length === 0) return terminal.out('there are no tokens')
  terminal.out(
    formatTable(
      ['principal', 'roles', 'client id', 'created', 'expires'].map(name => ({ name, type: 'VARCHAR' })),
      credentials
        .map(toListed)
        .map(listed => [
          listed.principal,
          listed.roles.join(', '),
          listed.clientId,
          listed.createdAt ?? null,
          listed.expiresAt ?? null,
        ]),
    ),
  )
}

async function revokeTokens({ platform, access }: OwnAccess, input: CommandInput): Promise<void> {
  const { terminal, json, positionals } = input
  const [, named = ''] = positionals
  const removed = await access.removeCredentials(named, platform.clock.nowMs())
  if (removed.length === 0) {
    throw new IngotError('REQUEST_INVALID', `there is no token of ${named}`, {
      hint: 'name a principal or a client id that "ingot token list" shows',
    })
  }
  if (json) return terminal.out(formatJson(removed.map(toListed)))
  for (const { principal, clientId } of removed) terminal.out(`revoked ${clientId} of ${principal}`)
}

function toListed({ clientId, principal, roles, createdAtMs, expiresAtMs }: CredentialRecord) {
  return { principal, roles, clientId, createdAt: toDate(createdAtMs), expiresAt: toDate(expiresAtMs) }
}

function toDate(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString()
}
