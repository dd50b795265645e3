import { formatSecurable } from '../access/grants.ts'
import type { AuditEvent, Privilege, Securable } from '../catalog/access-store.ts'
import { type Command, EXIT } from './command.ts'
import { openOwnAccess } from './own-access.ts'
import { formatJson } from './terminal.ts'
import { formatTable } from './text-table.ts'

export const auditCommand: Command = {
  name: 'audit',
  summary: 'who changed what: tables, namespaces, tokens and grants, newest first',
  options: {
    by: { config: { type: 'string' }, value: '<principal>', help: 'only what they changed' },
    limit: { config: { type: 'string' }, value: '<events>', help: 'how many (default: 100)' },
  },
  examples: ['ingot audit', 'ingot audit --by ann --limit 10', 'ingot audit --json'],
  run: async input => {
    const principal = input.text('by')
    const limit = input.count('limit', 100)
    await using own = await openOwnAccess(input)
    const events = await own.access.auditEvents({
      limit,
      ...(principal !== undefined && { principal }),
    })
    const { terminal } = input
    if (input.json) terminal.out(formatJson(events.map(toJson)))
    else if (events.length === 0) terminal.out('nothing was changed')
    else terminal.out(formatEvents(events))
    return EXIT.ok
  },
}

function toJson({ atMs, ...event }: AuditEvent): Record<string, unknown> {
  return { ...event, at: new Date(atMs).toISOString() }
}

/** Nobody's name: it was done on this machine, on the store itself. */
function formatEvents(events: readonly AuditEvent[]): string {
  return formatTable(
    [
      { name: 'at', type: 'VARCHAR' },
      { name: 'who', type: 'VARCHAR' },
      { name: 'did', type: 'VARCHAR' },
      { name: 'what', type: 'VARCHAR' },
      { name: 'transaction', type: 'BIGINT' },
    ],
    events.map(event => [
      new Date(event.atMs).toISOString(),
      event.principal ?? null,
      event.action,
      targetText(event.target),
      event.transactionId ?? null,
    ]),
    { cellWidthMax: 100 },
  )
}

/** The shapes are those that the store writes. */
function targetText(target: AuditEvent['target']): string {
  const { role, privilege, to, clientId, principal } = target as Partial<{
    role: string
    privilege: Privilege
    to: Securable
    clientId: string
    principal: string
  }>
  if (clientId !== undefined) return `${clientId} of ${principal}`
  const on = formatSecurable(target as unknown as Securable)
  if (privilege !== undefined) return `${privilege} ${on} ${role}`
  return to === undefined ? on : `${on} → ${formatSecurable(to)}`
}
