import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createS3Client } from '../../../src/storage/s3-client.ts'
import { S3Failure } from '../../../src/storage/s3-failure.ts'

const ERROR_BODY = '<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>'

/** What a GET fails with when a store answers it so. */
async function failureOf(answer: (response: ServerResponse) => void): Promise<S3Failure> {
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const requests = await createS3Client({
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    })
    const error = await requests.get({ bucket: 'lake', key: 'file' }).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof S3Failure, String(error))
    return error
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a file that is not there is told apart from an answer that broke off while it said so', async () => {
  const whole = await failureOf(response => response.writeHead(404).end(ERROR_BODY))
  assert.deepEqual([whole.code, whole.status, whole.transient], ['NoSuchKey', 404, false])
  for (const length of [0, 30, ERROR_BODY.length - 1]) {
    const broken = await failureOf(response => {
      response.writeHead(404, { 'content-length': ERROR_BODY.length })
      response.write(ERROR_BODY.slice(0, length) || ' ', () => response.destroy())
    })
    assert.deepEqual([broken.code, broken.status, broken.transient], ['ECONNRESET', undefined, true])
  }
})
