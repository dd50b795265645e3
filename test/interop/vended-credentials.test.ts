import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createRestCatalog } from '../../src/catalog/rest-catalog.ts'
import { systemClock } from '../../src/clock.ts'
import { systemRandom } from '../../src/random.ts'
import { IngotProcess, ingot } from '../e2e/ingot-process.ts'
import { withFolder } from '../e2e/state.ts'
import type { Json } from '../support/rest-server.ts'
import { MOTO, S3_CREDENTIALS, S3_REGION, type S3Program, S3Server } from '../support/s3-server.ts'
import { SessionProxy } from '../support/session-proxy.ts'
import { attempt, pathOf, pythonTool, skipWithout, type Tool } from './interop-tools.ts'
import { PyIceberg } from './pyiceberg.ts'

const ROLE = 'arn:aws:iam::123456789012:role/lake'
const COLUMNS = [
  ['id', 'long'],
  ['name', 'string'],
]
const PYTHON = await pythonTool()

/** Holds sessions to their policies by itself; built from source it takes too long to be installed here. */
const MINIO: S3Program = {
  name: 'minio',
  tool: async (): Promise<Tool> => {
    const found = await attempt('minio', async () => {
      await promisify(execFile)('minio', ['--version'])
      return 'minio'
    })
    return 'path' in found ? found : { skip: 'there is no minio on the PATH' }
  },
  command: (folder, port) => ({
    args: ['server', folder, '--address', `127.0.0.1:${port}`],
    environment: {
      MINIO_ROOT_USER: S3_CREDENTIALS.accessKeyId,
      MINIO_ROOT_PASSWORD: S3_CREDENTIALS.secretAccessKey,
      MINIO_BROWSER: 'off',
    },
  }),
  ready: /^API: /,
}

/** A catalog that vends, with who works on it. */
interface Lab {
  readonly url: string
  readonly bucket: string
  readonly proxy: SessionProxy
  readonly catalog: IngotProcess
  readonly tokens: { readonly op: string; readonly writer: string; readonly reader: string }
  /** PyIceberg as whoever has this token. Dispose of it. */
  connect(token: string): Promise<PyIceberg>
}

for (const program of [MOTO, MINIO]) {
  const skip = skipWithout(PYTHON, await program.tool())
  describe(`credentials vended on ${program.name}`, skip, () => {
    test('pyiceberg creates, writes and reads a table with nothing but them, each as the grants say', () =>
      withLab(program, async lab => {
        await using writer = await lab.connect(lab.tokens.writer)
        await writer.call('create', { table: ['shop', 'orders'], columns: COLUMNS })
        await writer.call('append', { table: ['shop', 'orders'], rows: rowsOf(3) })
        await writer.call('overwrite', { table: ['shop', 'orders'], where: 'id == 1', rows: rowsOf(1) })
        await writer.call('delete', { table: ['shop', 'orders'], where: 'id == 2' })
        await using reader = await lab.connect(lab.tokens.reader)
        assert.equal(await reader.call('count', { table: ['shop', 'orders'] }), 2)
        assert.deepEqual(lab.proxy.refused, [])
        await assert.rejects(
          () => reader.call('append', { table: ['shop', 'orders'], rows: rowsOf(1) }),
          /AccessDenied|ACCESS_DENIED|Forbidden/i,
        )
        assert.equal(await writer.call('count', { table: ['shop', 'orders'] }), 2)

        const { metadata } = await bodyOf(await ask(lab, 'op', '/v1/namespaces/shop/tables/orders', {}))
        const key = String(metadata?.location).slice(`s3://${lab.bucket}/`.length)
        assert.deepEqual(
          lab.proxy.sessions.map(({ name, roleArn, policy }) => ({ name, roleArn, policy })),
          [
            { name: 'ingot-wanda', roleArn: ROLE, policy: policyFor(lab.bucket, key, 'write') },
            { name: 'ingot-rita', roleArn: ROLE, policy: policyFor(lab.bucket, key, 'read') },
          ],
        )
      }))

    test('they are good for no other table, no other listing, and no writing where one may read', () =>
      withLab(program, async lab => {
        await using owner = await lab.connect(lab.tokens.op)
        for (const name of ['orders', 'salaries']) {
          await owner.call('create', { table: ['shop', name], columns: COLUMNS })
          await owner.call('append', { table: ['shop', name], rows: rowsOf(2) })
        }
        const salaries = await bodyOf(await ask(lab, 'op', '/v1/namespaces/shop/tables/salaries'))
        const orders = await bodyOf(await ask(lab, 'op', '/v1/namespaces/shop/tables/orders'))
        const [own, other] = [orders, salaries].map(table => keyOf(table['metadata-location']))
        const folder = keyOf(orders.metadata?.location)
        for (const [who, mayWrite] of [
          ['writer', true],
          ['reader', false],
        ] as const) {
          const path = '/v1/namespaces/shop/tables/orders/credentials'
          const { 'storage-credentials': [credential] = [] } = await bodyOf(await ask(lab, who, path))
          assert.equal(credential?.prefix, `${orders.metadata?.location}/`)
          const client = clientWith(credential?.config)
          const outcome = (command: unknown): Promise<string> =>
            client.send(command as GetObjectCommand).then(
              () => 'done',
              error => (error as Error).name,
            )
          const { bucket: Bucket } = lab
          assert.equal(await outcome(new GetObjectCommand({ Bucket, Key: own })), 'done')
          assert.equal(await outcome(new ListObjectsV2Command({ Bucket, Prefix: `${folder}/` })), 'done')
          const written = await outcome(new PutObjectCommand({ Bucket, Key: `${folder}/data/x`, Body: 'x' }))
          assert.equal(written, mayWrite ? 'done' : 'AccessDenied')
          for (const refused of [
            new GetObjectCommand({ Bucket, Key: other }),
            new PutObjectCommand({ Bucket, Key: `${folder}x/data/x`, Body: 'x' }),
            new PutObjectCommand({ Bucket, Key: other, Body: 'x' }),
            new PutObjectCommand({ Bucket, Key: own, Body: 'x' }),
            new ListObjectsV2Command({ Bucket, Prefix: folder }),
            new ListObjectsV2Command({ Bucket, Prefix: 'lakes/' }),
            new ListObjectsV2Command({ Bucket }),
          ]) {
            assert.equal(await outcome(refused), 'AccessDenied', JSON.stringify(refused.input))
          }
          client.destroy()
        }
      }))
  })
}

test(
  'no answer, log line or error of the catalog has a secret that was not asked for',
  skipWithout(PYTHON, await MOTO.tool()),
  () =>
    withLab(MOTO, async lab => {
      await using owner = await lab.connect(lab.tokens.op)
      await owner.call('create', { table: ['shop', 'orders'], columns: COLUMNS })
      const table = '/v1/namespaces/shop/tables/orders'
      const asked = await bodyOf(await ask(lab, 'op', `${table}/credentials`))
      const config = asked['storage-credentials']?.[0]?.config
      const vended = [config?.['s3.secret-access-key'], config?.['s3.session-token']].map(String)
      assert.ok(vended.every(secret => secret.length > 16))
      const paths = [
        '/v1/config',
        '/v1/namespaces',
        '/metrics',
        table,
        `${table}/no`,
        '/v1/ingot/transactions',
      ]
      for (const path of paths) {
        const answer = await ask(lab, 'op', path, {})
        const text = `${JSON.stringify([...answer.headers])}${await answer.text()}`
        for (const secret of [...vended, S3_CREDENTIALS.secretAccessKey, S3_CREDENTIALS.accessKeyId]) {
          assert.ok(!text.includes(secret), `${path} has a secret in it`)
        }
      }
      for (const secret of [...vended, S3_CREDENTIALS.secretAccessKey]) {
        assert.ok(
          !`${lab.catalog.stdout}${lab.catalog.stderr}`.includes(secret),
          'the log has a secret in it',
        )
      }
      const wished = await ask(lab, 'op', table)
      assert.ok((await wished.text()).includes(vended[1] ?? ''), 'the same session is given to who wishes it')
    }),
)

/** A catalog with authentication on a lake in a bucket. */
async function withLab(program: S3Program, work: (lab: Lab) => Promise<void>): Promise<void> {
  await withFolder(async project => {
    await mkdir(project, { recursive: true })
    await writeFile(join(project, 'lake.ts'), '')
    await using server = await S3Server.start(program)
    await using proxy = await SessionProxy.start(server.endpoint, S3_CREDENTIALS.accessKeyId)
    const bucket = await server.createBucket()
    const tokenOf = async (name: string, role: string): Promise<string> =>
      (await ingot(['token', 'create', name, '--role', role, '-p', project])).trim()
    const tokens = {
      op: await tokenOf('op', 'admin'),
      writer: await tokenOf('wanda', 'writers'),
      reader: await tokenOf('rita', 'readers'),
    }
    await ingot(['grant', 'write', 'shop.orders', 'writers', '-p', project])
    await ingot(['grant', 'read', 'shop.orders', 'readers', '-p', project])
    await using catalog = new IngotProcess(['start', '--role', 'catalog', '-p', project], {
      environment: {
        INGOT_STORAGE_ROOT: `s3://${bucket}/lakes/depot 1`,
        INGOT_STORAGE_S3_ENDPOINT: proxy.endpoint,
        INGOT_STORAGE_S3_REGION: S3_REGION,
        INGOT_STORAGE_S3_VENDING_ROLE_ARN: ROLE,
        INGOT_CATALOG_AUTHENTICATION: 'on',
        INGOT_HTTP_PORT: '0',
        INGOT_LOG_LEVEL: 'debug',
        AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
      },
    })
    const [, url = ''] = await catalog.untilStderr(/(http:\/\/127\.0\.0\.1:\d+)/)
    const operator = createRestCatalog({ url, clock: systemClock, random: systemRandom, token: tokens.op })
    await operator.createNamespace(['shop'])
    await operator.close()
    const connect = (token: string): Promise<PyIceberg> => PyIceberg.connect(pathOf(PYTHON), url, { token })
    await work({ url, bucket, proxy, catalog, tokens, connect })
  })
}

function ask(
  { url, tokens }: Lab,
  who: keyof Lab['tokens'],
  path: string,
  headers: Readonly<Record<string, string>> = { 'x-iceberg-access-delegation': 'vended-credentials' },
): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization: `Bearer ${tokens[who]}`, ...headers } })
}

async function bodyOf(response: Response): Promise<Json> {
  assert.equal(response.status, 200, response.url)
  return (await response.json()) as Json
}

/** Of an `s3://` location. */
function keyOf(location: unknown): string {
  return String(location).replace(/^s3:\/\/[^/]+\//, '')
}

function clientWith(config: Json | undefined): S3Client {
  return new S3Client({
    endpoint: String(config?.['s3.endpoint']),
    region: String(config?.['s3.region']),
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: String(config?.['s3.access-key-id']),
      secretAccessKey: String(config?.['s3.secret-access-key']),
      sessionToken: String(config?.['s3.session-token']),
    },
  })
}

function rowsOf(count: number): readonly unknown[] {
  return Array.from({ length: count }, (_, index) => ({ id: index + 1, name: `order ${index + 1}` }))
}

/** In full, as STS gets it. */
function policyFor(bucket: string, key: string, mode: 'read' | 'write'): unknown {
  const objects = [`arn:aws:s3:::${bucket}/${key}/*`]
  const write = ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts']
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: objects },
      ...(mode === 'write'
        ? [
            { Effect: 'Allow', Action: write, Resource: objects },
            {
              Effect: 'Deny',
              Action: ['s3:PutObject', 's3:DeleteObject'],
              Resource: [`${objects[0]}.metadata.json`],
            },
          ]
        : []),
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: [`arn:aws:s3:::${bucket}`],
        Condition: { StringLike: { 's3:prefix': [`${key}/*`] } },
      },
    ],
  }
}
