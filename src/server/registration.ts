import type { Context } from 'hono'
import { z } from 'zod'
import type { RegisterTableRequest } from '../catalog/catalog.ts'
import { readJson } from './json-exchange.ts'
import { namespaceOf } from './route-parameters.ts'

const registrationSchema = z.object({
  name: z.string(),
  'metadata-location': z.string(),
  overwrite: z.boolean().nullish(),
})

/** What "registerTable" and "registerView" ask for (REST spec); for views there is no `overwrite`. */
export async function readRegistration(context: Context): Promise<RegisterTableRequest> {
  const body = await readJson(context, registrationSchema)
  return {
    identifier: { namespace: namespaceOf(context), name: body.name },
    metadataLocation: body['metadata-location'],
    ...(body.overwrite && { overwrite: true }),
  }
}
