import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableRequest } from '../../conformance/catalog-samples.ts'
import { type Client, withServer } from '../../support/rest-server.ts'

const NAMES = ['a', 'b.c', 'd e', 'f/g', 'größe', '数据', '😀']

async function pagesOf(client: Client, path: string, key: string, size: number) {
  const pages: unknown[][] = []
  let token: string | null = ''
  while (token !== null) {
    const query: string = `pageToken=${encodeURIComponent(token)}&pageSize=${size}`
    const { status, body } = await client.send('GET', `${path}${path.includes('?') ? '&' : '?'}${query}`)
    assert.equal(status, 200)
    pages.push([...(body[key] ?? [])])
    token = body['next-page-token'] as unknown as string | null
  }
  return pages
}

test('iceberg rest: listings come in pages that together are the whole', () =>
  withServer(async client => {
    const { catalog } = client
    await catalog.createNamespace(['n'])
    for (const name of NAMES) {
      await catalog.createNamespace(['n', name])
      await catalog.createTable(tableRequest({ namespace: ['n'], name }))
    }
    const sorted = [...NAMES].sort()
    for (const size of [1, 3, 7, 100]) {
      const tables = await pagesOf(client, '/v1/namespaces/n/tables', 'identifiers', size)
      assert.ok(tables.every(page => page.length <= size && page.length > 0))
      assert.deepEqual(
        tables.flat(),
        sorted.map(name => ({ namespace: ['n'], name })),
      )
      const namespaces = await pagesOf(client, '/v1/namespaces?parent=n', 'namespaces', size)
      assert.equal(namespaces.length, Math.ceil(NAMES.length / size))
      assert.deepEqual(
        namespaces.flat(),
        sorted.map(name => ['n', name]),
      )
    }
    const whole = await client.send('GET', '/v1/namespaces/n/tables?pageSize=2')
    assert.equal(whole.body.identifiers?.length, NAMES.length)
    assert.equal(whole.body['next-page-token'], null)
    assert.deepEqual(await pagesOf(client, '/v1/namespaces/n/views', 'identifiers', 2), [[]])
  }))

test('iceberg rest: what is added and dropped between pages neither repeats nor hides the rest', () =>
  withServer(async ({ catalog, send }) => {
    await catalog.createNamespace(['n'])
    const add = (name: string) => catalog.createTable(tableRequest({ namespace: ['n'], name }))
    for (const name of ['b', 'd', 'f', 'h']) await add(name)
    const first = await send('GET', '/v1/namespaces/n/tables?pageToken=&pageSize=2')
    await add('a')
    await add('e')
    await catalog.dropTable({ namespace: ['n'], name: 'd' })
    const token = encodeURIComponent(String(first.body['next-page-token']))
    const second = await send('GET', `/v1/namespaces/n/tables?pageToken=${token}`)
    const names = [...(second.body.identifiers ?? [])].map(({ name }) => name)
    assert.deepEqual(names, ['e', 'f', 'h'])
  }))

test('iceberg rest: tokens of other listings, and sizes that are none, are refused', () =>
  withServer(async ({ catalog, send }) => {
    await catalog.createNamespace(['n'])
    for (const name of ['a', 'b']) {
      await catalog.createTable(tableRequest({ namespace: ['n'], name }))
      await catalog.createNamespace(['n', name])
    }
    const page = await send('GET', '/v1/namespaces/n/tables?pageToken=&pageSize=1')
    const token = encodeURIComponent(String(page.body['next-page-token']))
    const refused = [
      `/v1/namespaces?parent=n&pageToken=${token}`,
      `/v1/namespaces/n/views?pageToken=${token}`,
      `/v1/namespaces/n%1Fa/tables?pageToken=${token}`,
      '/v1/namespaces/n/tables?pageToken=%00',
      '/v1/namespaces/n/tables?pageToken=bnVsbA',
      ...['0', '-1', '1.5', 'x', ''].map(size => `/v1/namespaces/n/tables?pageToken=&pageSize=${size}`),
    ]
    for (const path of refused) {
      const { status, body } = await send('GET', path)
      assert.equal(status, 400, path)
      assert.equal(body.error?.type, 'BadRequestException')
      assert.match(String(body.error?.message), /^page(Token|Size) /)
    }
  }))
