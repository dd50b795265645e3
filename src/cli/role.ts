import { ADMIN_ROLE, formatSecurable } from '../access/grants.ts'
import { IngotError } from '../errors.ts'
import { type Command, EXIT } from './command.ts'
import { openOwnAccess } from './own-access.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

/** A role is what is granted to it, and who has it: there is nothing to create. */
export const roleCommand: Command = {
  name: 'role',
  summary: 'list the roles: what each may do, and who has it',
  positionals: 'list',
  positionalsCount: [1, 1],
  examples: ['ingot role list'],
  run: async input => {
    const [verb] = input.positionals
    if (verb !== 'list') {
      throw new IngotError('REQUEST_INVALID', `ingot role has no ${verb}`, {
        hint: 'use: ingot role list; roles come and go with ingot grant, ingot revoke and ingot token',
      })
    }
    await using own = await openOwnAccess(input)
    const { access } = own
    const [grants, credentials] = [await access.grants(), await access.credentials()]
    const names = new Set([
      ADMIN_ROLE,
      ...grants.map(grant => grant.role),
      ...credentials.flatMap(c => c.roles),
    ])
    const roles = [...names].toSorted().map(role => ({
      role,
      grants: grants.filter(grant => grant.role === role).map(({ privilege, on }) => ({ privilege, on })),
      principals: [...new Set(credentials.filter(c => c.roles.includes(role)).map(c => c.principal))],
    }))
    if (input.json) {
      input.terminal.out(formatJson(roles))
      return EXIT.ok
    }
    const columns = ['role', 'may', 'who'].map(name => ({ name, type: 'VARCHAR' }))
    const rows = roles.map(({ role, grants: held, principals }) => {
      const may = held.map(({ privilege, on }) => `${privilege} ${formatSecurable(on)}`).join(', ')
      return [role, role === ADMIN_ROLE ? 'do everything' : may, principals.join(', ')]
    })
    input.terminal.out(formatTable(columns, rows, { cellWidthMax: 100 }))
    return EXIT.ok
  },
}
