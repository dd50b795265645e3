import type { Context, Hono } from 'hono'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { sendJson } from './json-exchange.ts'
import { identifierOf } from './route-parameters.ts'
import { type CredentialedTable, type LoadedCredentials, NO_CREDENTIALS } from './table-credentials.ts'

type Credentials = IcebergRestOptions['credentials']

/** Credentials anew for who has loaded a table before: REST spec, "loadCredentials". */
export function addCredentialRoutes(app: Hono, { catalog, credentials }: IcebergRestOptions): void {
  app.get('/namespaces/:namespace/tables/:table/credentials', async context => {
    const table = await catalog.loadTable(identifierOf(context))
    const answer = (await credentials?.list(table)) ?? { 'storage-credentials': [] }
    keepFromCaches(context)
    return sendJson(context, answer)
  })
}

/** Whether the answer with a table will have credentials in it: the client takes them (REST spec, "data-access"), and there are some. */
export function isDelegated(context: Context, credentials: Credentials): boolean {
  const mechanisms = context.req.header('x-iceberg-access-delegation')?.split(',') ?? []
  const areTaken = mechanisms.some(mechanism => mechanism.trim().toLowerCase() === 'vended-credentials')
  return areTaken && credentials?.areVended === true
}

/** What the answer with a table says of how its files are reached. @param isMade by this request */
export async function delegate(
  context: Context,
  credentials: Credentials,
  table: CredentialedTable,
  isMade: boolean,
): Promise<LoadedCredentials> {
  if (credentials === undefined || !isDelegated(context, credentials)) return NO_CREDENTIALS
  keepFromCaches(context)
  return isMade ? await credentials.forMade(table) : await credentials.forLoaded(table)
}

/** To be called for every answer with a secret in it. */
function keepFromCaches(context: Context): void {
  context.header('cache-control', 'no-store')
}
