import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHttp } from '../../src/server/serve-http.ts'
import { SCHEMA } from '../conformance/catalog-samples.ts'
import { CatalogAppLab } from '../support/catalog-app.ts'
import { pathOf, pythonTool, skipWithout } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'

const python = await pythonTool()

test('pyiceberg sees what its token or its client credentials may read', skipWithout(python), async () => {
  await using lab = await CatalogAppLab.open()
  for (const namespace of [['gold'], ['silver']]) {
    await lab.catalog.createNamespace(namespace)
    await lab.catalog.createTable({ identifier: { namespace, name: 't' }, schema: SCHEMA })
  }
  await lab.store.access.addGrant({ role: 'analyst', privilege: 'read', on: { namespace: ['gold'] } }, 1)
  const token = await lab.tokenFor('ann', 'analyst')
  const [, clientId, clientSecret] = token.split('_')
  const server = await serveHttp({ app: lab.app, port: 0, isAuthenticated: true })
  try {
    for (const properties of [{ token }, { credential: `${clientId}:${clientSecret}` }]) {
      await using client = await PyIceberg.connect(pathOf(python), server.url, properties)
      assert.deepEqual(await client.call('list_tables'), [['gold', 't']])
    }
    for (const properties of [{}, { token: `${token}x` }, { credential: `${clientId}:x` }]) {
      await assert.rejects(
        () => PyIceberg.connect(pathOf(python), server.url, properties),
        /Unauthorized|401|OAuth/i,
      )
    }
  } finally {
    await server.close()
  }
})
