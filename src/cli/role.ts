import { ADMIN_ROLE, formatSecurable } from '../access/grants.ts'
import type { CommandInput } from './command.ts'
import { type OwnAccess, onAccess } from './own-access.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'
import { verbCommand } from './verb-command.ts'

/** A role is what is granted to it, and who has it: there is nothing to create. */
export const roleCommand = verbCommand({
  name: 'role',
  summary: 'list the roles, which come and go with grants and tokens: what each may do, and who has it',
  verbs: { list: { run: onAccess(listRoles) } },
  examples: ['ingot role list'],
})

async function listRoles({ access }: OwnAccess, { json, terminal }: CommandInput): Promise<void> {
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
  if (json) return terminal.out(formatJson(roles))
  const columns = ['role', 'may', 'who'].map(name => ({ name, type: 'VARCHAR' }))
  const rows = roles.map(({ role, grants: held, principals }) => {
    const may = held.map(({ privilege, on }) => `${privilege} ${formatSecurable(on)}`).join(', ')
    return [role, role === ADMIN_ROLE ? 'do everything' : may, principals.join(', ')]
  })
  terminal.out(formatTable(columns, rows, { cellWidthMax: 100 }))
}
