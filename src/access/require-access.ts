import type { Privilege, Securable } from '../catalog/access-store.ts'
import type { PointerKind } from '../catalog/catalog.ts'
import { namespaceNotFound, notFound } from '../catalog/store-refusals.ts'
import { isAssignedTo } from '../catalog/table-location.ts'
import { IngotError } from '../errors.ts'
import type { TableIdentifier } from '../table-identifier.ts'
import { allows, formatSecurable, showsNamespace, showsTable } from './grants.ts'
import type { Session } from './session.ts'

/** The whole catalog. */
export const EVERYTHING: Securable = { namespace: [] }

/** @throws FORBIDDEN */
export function requirePrivilege(session: Session, privilege: Privilege, on: Securable): void {
  if (!allows(session.grants, privilege, on))
    throw forbidden(session, `${privilege} ${formatSecurable(on)}`, on)
}

/** Lets pass who may write to anything at all. @throws FORBIDDEN */
export function requireSomeWrite(session: Session): void {
  if (session.grants.some(({ on }) => allows(session.grants, 'write', on))) return
  throw forbidden(session, 'write to any table', EVERYTHING)
}

/**
 * Lets pass who may do this with what is there. Who may not even read it is answered as if it were not there.
 * @throws FORBIDDEN; TABLE_NOT_FOUND, VIEW_NOT_FOUND
 */
export function requireOn(
  session: Session,
  privilege: Privilege,
  identifier: TableIdentifier,
  kind: PointerKind = 'table',
): void {
  if (!showsTable(session.grants, identifier)) throw notFound(identifier, kind)
  requirePrivilege(session, privilege, toSecurable(identifier))
}

/** The same for a namespace. @throws FORBIDDEN; NAMESPACE_NOT_FOUND */
export function requireOnNamespace(
  session: Session,
  privilege: Privilege,
  namespace: readonly string[],
): void {
  requireShown(session, namespace)
  requirePrivilege(session, privilege, { namespace })
}

/** @throws NAMESPACE_NOT_FOUND when lists do not show it either */
export function requireShown({ grants }: Session, namespace: readonly string[]): void {
  if (!showsNamespace(grants, namespace)) throw namespaceNotFound(namespace)
}

/**
 * Lets pass who may give something new this name. Another location than one for that name could be the folder of a table that
 * they may not read.
 * @throws FORBIDDEN; NAMESPACE_NOT_FOUND
 */
export function requireCreation(
  session: Session,
  identifier: TableIdentifier,
  location: string | undefined,
): void {
  requireShown(session, identifier.namespace)
  requirePrivilege(session, 'write', toSecurable(identifier))
  requireLocation(session, identifier, location)
}

/** @throws FORBIDDEN when somebody who does not manage the whole catalog chooses a location */
export function requireLocation(
  session: Session,
  identifier: TableIdentifier,
  location: string | undefined,
): void {
  if (location === undefined || isAssignedTo(session.root, identifier, location)) return
  if (allows(session.grants, 'manage', EVERYTHING)) return
  const on = toSecurable(identifier)
  throw forbidden(session, `choose the location of ${formatSecurable(on)}`, EVERYTHING)
}

function toSecurable({ namespace, name }: TableIdentifier): Securable {
  return { namespace, name }
}

function forbidden({ principal }: Session, what: string, on: Securable): IngotError {
  return new IngotError('FORBIDDEN', `${principal} may not ${what}`, {
    hint: 'whoever runs the catalog can allow it: ingot grant --help',
    context: { principal, on: formatSecurable(on) },
  })
}
