import { IngotError } from '../errors.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { PointerKind } from './catalog.ts'
import type { StoreOutcome } from './store.ts'

/** TABLE_NOT_FOUND or VIEW_NOT_FOUND for a name that has no pointer of that kind. */
export function notFound(identifier: TableIdentifier, kind: PointerKind): IngotError {
  const code = kind === 'view' ? 'VIEW_NOT_FOUND' : 'TABLE_NOT_FOUND'
  return new IngotError(code, `${kind} ${formatIdentifier(identifier)} is not there`, {
    context: { identifier },
  })
}

/** HISTORY_FORGOTTEN for a version of a table that is no longer kept. */
export function historyForgotten(identifier: TableIdentifier): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('HISTORY_FORGOTTEN', `table ${name} as it was then is no longer kept`, {
    hint: 'all versions are kept for some minutes, then the last of each hour for some days: ask for the end of an hour; a tag keeps a version for ever',
    context: { identifier },
  })
}

/** TABLE_EXISTS for a name that is taken, by a table or a view. */
export function nameTaken(identifier: TableIdentifier): IngotError {
  const name = formatIdentifier(identifier)
  return new IngotError('TABLE_EXISTS', `a table or view ${name} is there already`, {
    context: { identifier },
  })
}

/** NAMESPACE_NOT_FOUND for a namespace that was never created, or was dropped. */
export function namespaceNotFound(namespace: readonly string[]): IngotError {
  return new IngotError('NAMESPACE_NOT_FOUND', `namespace ${namespace.join('.')} is not there`, {
    hint: 'create the namespace first',
    context: { namespace },
  })
}

/** The error for a store transaction that changed nothing. */
export function refusal(outcome: Exclude<StoreOutcome, { type: 'applied' | 'key-spent' }>): IngotError {
  if (outcome.type === 'pointer-moved') {
    const { identifier } = outcome
    return new IngotError(
      'COMMIT_CONFLICT',
      `table ${formatIdentifier(identifier)} keeps changing under this commit`,
      {
        retryable: true,
        hint: 'fewer writers at once, or more patience',
        context: { identifier },
      },
    )
  }
  if (outcome.type === 'version-forgotten') return historyForgotten(outcome.identifier)
  if (outcome.type === 'version-current') return tableIsBack(outcome.identifier, outcome.current)
  const { type, namespace } = outcome
  if (type === 'namespace-missing') return namespaceNotFound(namespace)
  const name = namespace.join('.')
  return type === 'namespace-exists'
    ? new IngotError('NAMESPACE_EXISTS', `namespace ${name} is there already`, { context: { namespace } })
    : new IngotError('NAMESPACE_NOT_EMPTY', `namespace ${name} still has tables or namespaces in it`, {
        hint: 'drop or move what is in it first',
        context: { namespace },
      })
}

function tableIsBack(identifier: TableIdentifier, current: TableIdentifier): IngotError {
  const [name, now] = [formatIdentifier(identifier), formatIdentifier(current)]
  return new IngotError('TABLE_EXISTS', `what was ${name} is there as ${now}`, {
    hint: `two tables cannot be one: ingot clone ${now} makes another one of it`,
    context: { identifier, current },
  })
}
