import { after, before, describe } from 'node:test'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { systemClock } from '../../src/clock.ts'
import { systemRandom } from '../../src/random.ts'
import { createS3Client } from '../../src/storage/s3-client.ts'
import { createS3FileIO } from '../../src/storage/s3-file-io.ts'
import { objectOfLocation } from '../../src/storage/s3-location.ts'
import { skipWithout } from '../interop/interop-tools.ts'
import { S3_CREDENTIALS, S3_REGION, type S3Program, S3Server } from '../support/s3-server.ts'
import { checkFileIO } from './file-io.ts'

/** What every FileIO does alike, over S3 as one program serves it. */
export async function checkS3FileIO(program: S3Program): Promise<void> {
  describe(`S3 by ${program.name}`, skipWithout(await program.tool()), () => {
    let server: S3Server
    before(async () => {
      server = await S3Server.start(program)
    })
    after(() => server[Symbol.asyncDispose]())

    checkFileIO(program.name, async () => {
      const options = { endpoint: server.endpoint, region: S3_REGION, credentials: S3_CREDENTIALS }
      const requests = await createS3Client(options)
      const engine = new S3Client({ ...options, forcePathStyle: true })
      return {
        io: createS3FileIO({ requests, clock: systemClock, random: systemRandom }),
        root: `s3://${await server.createBucket()}/lake`,
        async writeByEngine(location, bytes) {
          const { bucket, key } = objectOfLocation(location)
          await engine.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }))
        },
        dispose: async () => engine.destroy(),
      }
    })
  })
}
