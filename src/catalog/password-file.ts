import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { IngotError } from '../errors.ts'

/** Whom a password is for. */
export interface PasswordQuery {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

const GROUP_AND_OTHERS = 0o077

/**
 * The password of the first line that fits in `PGPASSFILE` or `~/.pgpass`, as libpq reads it (PostgreSQL, "The Password
 * File"); undefined when there is none.
 * @throws CONFIG_INVALID when it has one and others may read it: libpq would go on without
 */
export async function passwordFromFile(
  query: PasswordQuery,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const file = environment.PGPASSFILE ?? join(homedir(), '.pgpass')
  let text: string
  let mode: number
  try {
    text = await readFile(file, 'utf8')
    mode = (await stat(file)).mode
  } catch {
    // It is one of several ways: without it the server says whether it wants a password.
    return undefined
  }
  const password = findPassword(text, query)
  if (password !== undefined && (mode & GROUP_AND_OTHERS) !== 0) {
    throw new IngotError('CONFIG_INVALID', `the password file ${file} may be read by others`, {
      hint: `run chmod 600 ${file}`,
      context: { file },
    })
  }
  return password
}

/** Lines are `host:port:database:user:password`; `*` fits all, and a backslash stands before `:` and `\`. */
export function findPassword(text: string, query: PasswordQuery): string | undefined {
  // By libpq a socket is on localhost, wherever its file is.
  const host = query.host.startsWith('/') ? 'localhost' : query.host
  const wanted = [host, String(query.port), query.database, query.user]
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(match =>
      withoutBackslashes(match[1] ?? ''),
    )
    const [password] = fields.slice(wanted.length)
    const fits = wanted.every((value, index) => fields[index] === '*' || fields[index] === value)
    if (fits && password !== undefined && password !== '') return password
  }
  return undefined
}

function withoutBackslashes(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1')
}
