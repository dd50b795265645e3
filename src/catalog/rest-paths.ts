import type { TableIdentifier } from '../table-identifier.ts'
import { checkIdentifier, checkNamespace } from './identifier-rules.ts'

/** REST spec: what joins the levels of a namespace in a path. */
export const LEVEL_SEPARATOR = '\u001f'

/** The path of a namespace. @throws REQUEST_INVALID */
export function namespacePath(namespace: readonly string[], root = '/v1'): string {
  checkNamespace(namespace)
  return `${root}/namespaces/${encodeURIComponent(namespace.join(LEVEL_SEPARATOR))}`
}

/** The path of a table. @throws REQUEST_INVALID */
export function tablePath(identifier: TableIdentifier, root = '/v1'): string {
  checkIdentifier(identifier)
  return `${namespacePath(identifier.namespace, root)}/tables/${encodeURIComponent(identifier.name)}`
}

/** The path of a view. @throws REQUEST_INVALID */
export function viewPath(identifier: TableIdentifier): string {
  checkIdentifier(identifier)
  return `${namespacePath(identifier.namespace)}/views/${encodeURIComponent(identifier.name)}`
}
