import { IngotError } from '../errors.ts'

/** What each `sslmode` of libpq is here: encryption that checks nobody's certificate must be asked for by name. */
const SSL_MODES: Readonly<Record<string, string>> = {
  disable: 'disable',
  'no-verify': 'no-verify',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
}

/**
 * The URL as it is given to the driver.
 * @throws CONFIG_INVALID, without a word of the URL: it may hold a password
 */
export function driverUrl(url: string): string {
  const parsed = parsePostgresUrl(url)
  const sslMode = parsed.searchParams.get('sslmode')
  if (sslMode === null) return parsed.href
  const meant = SSL_MODES[sslMode]
  if (meant === undefined) {
    throw invalid(`has an sslmode that is none of ${Object.keys(SSL_MODES).join(', ')}`)
  }
  parsed.searchParams.set('sslmode', meant)
  return parsed.href
}

/** The URL as it may be shown: user, place and database; nothing else of it. @throws CONFIG_INVALID */
export function describePostgresUrl(url: string): string {
  const { username, host, pathname, searchParams } = parsePostgresUrl(url)
  const elsewhere = searchParams.get('host')
  const place = elsewhere === null ? '' : `?host=${elsewhere}`
  return `postgresql://${username === '' ? '' : `${username}@`}${host}${pathname}${place}`
}

function parsePostgresUrl(url: string): URL {
  if (!URL.canParse(url)) throw invalid('is no URL')
  const parsed = new URL(url)
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw invalid('does not begin with postgresql://')
  // A password with such a character in it ends where nobody meant it to, and the rest would be taken for names.
  if (!/^(\/[^/@]*)?$/.test(parsed.pathname) || parsed.hash !== '') {
    throw invalid('has more than a name of a database behind the host')
  }
  return parsed
}

function invalid(what: string): IngotError {
  return new IngotError('CONFIG_INVALID', `the URL of the PostgreSQL of the catalog ${what}`, {
    hint: 'write postgresql://user@host:5432/database, with special characters percent-encoded; a password may come from PGPASSWORD or ~/.pgpass instead',
  })
}
