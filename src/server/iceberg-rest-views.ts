import type { Hono } from 'hono'
import { z } from 'zod'
import type { LoadedView } from '../catalog/catalog.ts'
import { identifierSchema, renameSchema, requireSameIdentifier, schemaBody } from './commit-body.ts'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { pageOf } from './listing-pages.ts'
import { readRegistration } from './registration.ts'
import { mutationOptionsOf, namespaceOf, viewIdentifierOf } from './route-parameters.ts'
import { viewRequirementsSchema, viewUpdatesSchema, viewVersionBody } from './view-body.ts'

const createViewSchema = z.object({
  name: z.string(),
  location: z.string().nullish(),
  schema: schemaBody,
  'view-version': viewVersionBody,
  properties: z.record(z.string(), z.string()).nullish(),
})

const commitViewSchema = z.object({
  identifier: identifierSchema.nullish(),
  requirements: viewRequirementsSchema.default([]),
  updates: viewUpdatesSchema,
})

/** The view endpoints of the REST spec. */
export function addViewRoutes(app: Hono, { catalog }: IcebergRestOptions): void {
  app.get('/namespaces/:namespace/views', async context => {
    const namespace = namespaceOf(context)
    const all = await catalog.listViews(namespace)
    const { items, ...next } = pageOf(context, all, ({ name }) => name, ['views', namespace])
    return sendJson(context, { identifiers: items, ...next })
  })

  app.post('/namespaces/:namespace/views', async context => {
    const body = await readJson(context, createViewSchema)
    const view = await catalog.createView(
      {
        identifier: { namespace: namespaceOf(context), name: body.name },
        schema: body.schema,
        viewVersion: body['view-version'],
        ...(body.properties && { properties: body.properties }),
        ...(body.location && { location: body.location }),
      },
      mutationOptionsOf(context),
    )
    return sendJson(context, toLoadViewResult(view))
  })

  app.post('/namespaces/:namespace/register-view', async context => {
    const request = await readRegistration(context)
    return sendJson(
      context,
      toLoadViewResult(await catalog.registerView(request, mutationOptionsOf(context))),
    )
  })

  app.get('/namespaces/:namespace/views/:view', async context => {
    const view = await catalog.loadView(viewIdentifierOf(context))
    if (context.req.method === 'HEAD') return context.body(null, 204)
    return sendJson(context, toLoadViewResult(view))
  })

  app.post('/namespaces/:namespace/views/:view', async context => {
    const { requirements, updates, ...body } = await readJson(context, commitViewSchema)
    const identifier = viewIdentifierOf(context)
    requireSameIdentifier(identifier, body.identifier ?? identifier)
    const change = { identifier, requirements, updates }
    return sendJson(context, toLoadViewResult(await catalog.replaceView(change, mutationOptionsOf(context))))
  })

  app.delete('/namespaces/:namespace/views/:view', async context => {
    await catalog.dropView(viewIdentifierOf(context), mutationOptionsOf(context))
    return context.body(null, 204)
  })

  app.post('/views/rename', async context => {
    const { source, destination } = await readJson(context, renameSchema)
    await catalog.renameView(source, destination, mutationOptionsOf(context))
    return context.body(null, 204)
  })
}

/** REST spec, LoadViewResult. */
function toLoadViewResult({ metadata, metadataLocation }: LoadedView): Record<string, unknown> {
  return { 'metadata-location': metadataLocation, metadata, config: {} }
}
