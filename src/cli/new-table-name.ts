import { IngotError } from '../errors.ts'
import { isQuarantine } from '../lake/quarantine.ts'
import { formatIdentifier, parseIdentifier, type TableIdentifier } from '../table-identifier.ts'

/** The name that a person gives a table. @throws REQUEST_INVALID when it lacks a namespace */
export function parseTableName(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  if (identifier.namespace.length > 0 && !text.split('.').includes('')) return identifier
  throw new IngotError('REQUEST_INVALID', `${text || '(nothing)'} is no name of a table`, {
    hint: 'write a namespace and a name: trial.flights',
  })
}

/**
 * Refuses a name for another table, made of `from`, that ingot gives a meaning which it would not have.
 * @throws REQUEST_INVALID
 */
export function requireOrdinaryName(to: TableIdentifier, from: TableIdentifier): void {
  const name = formatIdentifier(to)
  const [namespace, before] = [to.namespace.join('.'), from.namespace.join('.')]
  if (namespace === 'system' || before === 'system') {
    throw new IngotError('REQUEST_INVALID', `the namespace system is for ingot's own records`, {
      hint: 'choose another table or namespace',
    })
  }
  if (namespace === 'bronze' && before !== 'bronze') {
    throw new IngotError('REQUEST_INVALID', `${name} would be a table that is loaded from files`, {
      hint: 'choose another namespace than bronze',
    })
  }
  if (isQuarantine(to) && !isQuarantine(from)) {
    throw new IngotError('REQUEST_INVALID', `${name} would be taken for a quarantine`, {
      hint: 'choose a name that does not end in __quarantine',
    })
  }
}

/** TABLE_EXISTS for a name that another table has; `otherwise` says what else can be done. */
export function nameTaken(identifier: TableIdentifier, otherwise: string): IngotError {
  return new IngotError('TABLE_EXISTS', `a table ${formatIdentifier(identifier)} is there already`, {
    hint: `choose another name, or ${otherwise}`,
    context: { identifier },
  })
}
