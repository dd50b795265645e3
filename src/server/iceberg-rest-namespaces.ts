import type { Hono } from 'hono'
import { z } from 'zod'
import type { IcebergRestOptions } from './iceberg-rest-options.ts'
import { readJson, sendJson } from './json-exchange.ts'
import { pageOf } from './listing-pages.ts'
import { mutationOptionsOf, namespaceOf, parseLevels } from './route-parameters.ts'

const properties = z.record(z.string(), z.string())

const createNamespaceSchema = z.object({ namespace: z.array(z.string()), properties: properties.default({}) })

const updatePropertiesSchema = z.object({
  updates: properties.nullish().transform(updates => updates ?? {}),
  removals: z
    .array(z.string())
    .nullish()
    .transform(removals => removals ?? []),
})

/** The namespace endpoints of the REST spec. */
export function addNamespaceRoutes(app: Hono, { catalog }: IcebergRestOptions): void {
  app.get('/namespaces', async context => {
    const parentText = context.req.query('parent')
    const parent = parentText === undefined || parentText === '' ? [] : parseLevels(parentText)
    // The parent of a listing must exist (REST spec, "listNamespaces").
    if (parent.length > 0) await catalog.namespaceProperties(parent)
    const all = await catalog.listNamespaces()
    const children = all.filter(levels => isChild(levels, parent))
    const { items, ...next } = pageOf(context, children, levels => levels.at(-1) ?? '', [
      'namespaces',
      parent,
    ])
    return sendJson(context, { namespaces: items, ...next })
  })

  app.post('/namespaces', async context => {
    const body = await readJson(context, createNamespaceSchema)
    await catalog.createNamespace(body.namespace, body.properties, mutationOptionsOf(context))
    return sendJson(context, body)
  })

  app.get('/namespaces/:namespace', async context => {
    const namespace = namespaceOf(context)
    const found = await catalog.namespaceProperties(namespace)
    if (context.req.method === 'HEAD') return context.body(null, 204)
    return sendJson(context, { namespace, properties: found })
  })

  app.delete('/namespaces/:namespace', async context => {
    await catalog.dropNamespace(namespaceOf(context), mutationOptionsOf(context))
    return context.body(null, 204)
  })

  app.post('/namespaces/:namespace/properties', async context => {
    const update = await readJson(context, updatePropertiesSchema)
    const result = await catalog.updateNamespace(namespaceOf(context), update, mutationOptionsOf(context))
    return sendJson(context, result)
  })
}

function isChild(levels: readonly string[], parent: readonly string[]): boolean {
  return levels.length === parent.length + 1 && parent.every((level, index) => levels[index] === level)
}
