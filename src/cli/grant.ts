import { ADMIN_ROLE, checkAccessName, formatSecurable, parseSecurable } from '../access/grants.ts'
import { type Grant, PRIVILEGES } from '../catalog/access-store.ts'
import { IngotError } from '../errors.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { openOwnAccess } from './own-access.ts'
import { formatJson } from './terminal.ts'

const POSITIONALS = `<${PRIVILEGES.join('|')}> <table|namespace.*|*> <role>`

export const grantCommand: Command = {
  name: 'grant',
  summary: 'let a role read, write or manage a table, a namespace or everything',
  positionals: POSITIONALS,
  positionalsCount: [3, 3],
  examples: [
    'ingot grant read "gold.*" analyst',
    'ingot grant write bronze.readings gateway',
    'ingot grant manage "*" operator',
  ],
  run: input => changeGrant(input, 'grant'),
}

export const revokeCommand: Command = {
  name: 'revoke',
  summary: 'take a grant away from a role',
  positionals: POSITIONALS,
  positionalsCount: [3, 3],
  examples: ['ingot revoke read "gold.*" analyst'],
  run: input => changeGrant(input, 'revoke'),
}

async function changeGrant(input: CommandInput, verb: 'grant' | 'revoke'): Promise<number> {
  const grant = grantFrom(input.positionals)
  await using own = await openOwnAccess(input)
  const { access } = own
  const nowMs = own.platform.clock.nowMs()
  const changed =
    verb === 'grant' ? await access.addGrant(grant, nowMs) : await access.removeGrant(grant, nowMs)
  const text = `${grant.privilege} ${formatSecurable(grant.on)}`
  if (!changed && verb === 'revoke') {
    throw new IngotError('REQUEST_INVALID', `${grant.role} has no grant to ${text}`, {
      hint: 'a grant is taken away as it was given: ingot role list shows all',
    })
  }
  if (input.json) input.terminal.out(formatJson({ ...grant, changed }))
  else input.terminal.out(`role ${grant.role} may ${verb === 'grant' ? '' : 'no longer '}${text}`)
  return EXIT.ok
}

function grantFrom([privilegeText = '', onText = '', role = '']: readonly string[]): Grant {
  const privilege = PRIVILEGES.find(each => each === privilegeText)
  if (privilege === undefined) {
    throw new IngotError('REQUEST_INVALID', `there is no privilege ${privilegeText}`, {
      hint: `use ${PRIVILEGES.join(', ')}; each includes those before it`,
    })
  }
  checkAccessName('role', role)
  if (role === ADMIN_ROLE) {
    throw new IngotError('REQUEST_INVALID', `role ${ADMIN_ROLE} may do everything, whatever is granted`, {
      hint: 'grant to another role, and give tokens that one',
    })
  }
  return { role, privilege, on: parseSecurable(onText) }
}
