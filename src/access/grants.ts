import { type Grant, PRIVILEGES, type Privilege, type Securable } from '../catalog/access-store.ts'
import { IngotError } from '../errors.ts'
import type { TableIdentifier } from '../table-identifier.ts'

/** The role that may do everything, and that is no row of any table: nobody can revoke the last way in. */
export const ADMIN_ROLE = 'admin'

const EVERYTHING: Grant = { role: ADMIN_ROLE, privilege: 'manage', on: { namespace: [] } }

/** The grants by which the holder of these roles is judged. */
export function grantsOf(roles: readonly string[], grants: readonly Grant[]): readonly Grant[] {
  const held = grants.filter(grant => roles.includes(grant.role))
  return roles.includes(ADMIN_ROLE) ? [EVERYTHING, ...held] : held
}

/** Whether these grants allow `privilege` on all of `target`. What no grant names is denied. */
export function allows(grants: readonly Grant[], privilege: Privilege, target: Securable): boolean {
  return grants.some(grant => includes(grant.privilege, privilege) && covers(grant.on, target))
}

/**
 * Whether a namespace may be seen in lists: something in it, or around it, is granted. Somebody who reads one table must
 * find the way to it.
 */
export function showsNamespace(grants: readonly Grant[], namespace: readonly string[]): boolean {
  return grants.some(({ on }) => isWithin(on.namespace, namespace) || covers(on, { namespace }))
}

/** Whether a table or view may be seen in lists. */
export function showsTable(grants: readonly Grant[], { namespace, name }: TableIdentifier): boolean {
  return allows(grants, 'read', { namespace, name })
}

const SECURABLE_FORMS = 'write silver.orders for a table, silver.* for a namespace, * for everything'

/** `silver` and `silver.*` as a namespace, `silver.orders` as a table, `*` as everything. @throws REQUEST_INVALID */
export function parseSecurable(text: string): Securable {
  const levels = text.split('.')
  if (text === '' || levels.includes('')) {
    throw new IngotError('REQUEST_INVALID', `${text || '(nothing)'} names no table and no namespace`, {
      hint: SECURABLE_FORMS,
    })
  }
  if (levels.some((level, index) => level.includes('*') && (level !== '*' || index < levels.length - 1))) {
    throw new IngotError('REQUEST_INVALID', `${text} has a * that is no whole name at its end`, {
      hint: SECURABLE_FORMS,
    })
  }
  if (levels.at(-1) === '*') return { namespace: levels.slice(0, -1) }
  if (levels.length === 1) return { namespace: levels }
  return { namespace: levels.slice(0, -1), name: levels.at(-1) ?? '' }
}

/** Refuses names of principals and roles that a shell or a log would not show as they are. @throws REQUEST_INVALID */
export function checkAccessName(what: 'principal' | 'role', name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) return
  throw new IngotError(
    'REQUEST_INVALID',
    `${what} ${JSON.stringify(name.slice(0, 100))} has no name of ours`,
    {
      hint: 'use letters, digits, and . _ @ - between them, 64 at most',
    },
  )
}

/** For people and for the audit log: `silver.orders`, `silver.*`, `*`. */
export function formatSecurable({ namespace, name }: Securable): string {
  return [...namespace, name ?? '*'].join('.')
}

function includes(granted: Privilege, wanted: Privilege): boolean {
  return PRIVILEGES.indexOf(granted) >= PRIVILEGES.indexOf(wanted)
}

function covers(granted: Securable, target: Securable): boolean {
  if (granted.name === undefined) return isWithin(target.namespace, granted.namespace)
  return (
    granted.name === target.name &&
    granted.namespace.length === target.namespace.length &&
    isWithin(target.namespace, granted.namespace)
  )
}

/** Whether `inner` is `outer` or lies in it. */
function isWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.length >= outer.length && outer.every((level, index) => inner[index] === level)
}
