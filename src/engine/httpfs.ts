import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteLiteral } from '../sql-text.ts'
import type { S3Access } from '../storage/s3-requests.ts'

const SETTINGS = [
  // Keys are literal: otherwise `*`, `?` and `[` are patterns, and text after `?` can name another endpoint.
  'SET s3_url_compatibility_mode = true',
  // 0.1 s, then twice as long each time: in all about 25 s, as a throttled prefix may take.
  'SET http_retries = 8',
  'SET http_retry_backoff = 2',
] as const

/** Loads DuckDB's httpfs extension, which brings `s3://`: from a folder, or from DuckDB's repository, once for this machine. */
export async function loadHttpfs(
  connection: DuckDBConnection,
  extensionFolder: string | undefined,
): Promise<void> {
  if (extensionFolder === undefined) {
    await connection.run('INSTALL httpfs')
    await connection.run('LOAD httpfs')
  } else {
    await connection.run(`LOAD ${quoteLiteral(join(extensionFolder, 'httpfs.duckdb_extension'))}`)
  }
  for (const statement of SETTINGS) await connection.run(statement)
}

/** Makes the credentials known for the files below `scope`, instead of earlier ones. They are parameters: no statement has them in its text. */
export async function giveS3Access(
  connection: DuckDBConnection,
  scope: string,
  access: S3Access,
): Promise<void> {
  const options: Readonly<Record<string, string | undefined>> = {
    key_id: access.accessKeyId,
    secret: access.secretAccessKey,
    session_token: access.sessionToken,
    region: access.region,
    endpoint: access.endpoint,
    scope: `${scope}/`,
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const list = [
    'TYPE s3',
    `URL_STYLE '${access.pathStyle ? 'path' : 'vhost'}'`,
    `USE_SSL ${access.tls}`,
    ...given.map(([name]) => `${name} $${name}`),
  ]
  await connection.run(
    `CREATE OR REPLACE SECRET ingot_storage (${list.join(', ')})`,
    Object.fromEntries(given) as Record<string, string>,
  )
}
