import { join } from 'node:path'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { duckdbExtensionsTool, motoTool, pathOf, skipWithout } from '../interop/interop-tools.ts'
import { sharedPostgres } from '../support/postgres-fixture.ts'
import { postgresTool } from '../support/postgres-server.ts'
import { MOTO, S3_CREDENTIALS, S3_REGION, S3Server } from '../support/s3-server.ts'

const extensions = await duckdbExtensionsTool()

/** The option that makes a test skipped where S3, PostgreSQL or DuckDB's httpfs cannot be had, with the reason. */
export const withCloudTools = skipWithout(await motoTool(), await postgresTool(), extensions)

/** Where a lake may be that is in no folder: a bucket and a database, both empty. */
export interface CloudState {
  readonly root: string
  readonly endpoint: string
  readonly postgresUrl: string
  /** What the AWS SDK and DuckDB need besides. */
  readonly surroundings: NodeJS.ProcessEnv
}

/** A bucket of a server of its own and a database, while `work` runs. */
export async function withCloudState<T>(work: (state: CloudState) => Promise<T>): Promise<T> {
  const postgres = await sharedPostgres()
  await using server = await S3Server.start(MOTO)
  return await work({
    root: `s3://${await server.createBucket()}/lakes/ünder a prefix`,
    endpoint: server.endpoint,
    postgresUrl: postgres.url(await postgres.createDatabase()),
    surroundings: {
      AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
      AWS_REGION: S3_REGION,
      INGOT_ENGINE_EXTENSION_FOLDER: join(
        pathOf(extensions),
        ...['duckdb_extension_httpfs', 'extensions', 'v1.5.5'],
      ),
    },
  })
}

/** The variables that put a lake there, whatever project it is of. */
export function variablesOf({ root, endpoint, postgresUrl, surroundings }: CloudState): NodeJS.ProcessEnv {
  return {
    ...surroundings,
    INGOT_STORAGE_ROOT: root,
    INGOT_STORAGE_S3_ENDPOINT: endpoint,
    INGOT_CATALOG_POSTGRES_URL: postgresUrl,
  }
}

/** How many files are in the bucket. */
export async function countObjects({ root, endpoint }: CloudState): Promise<number> {
  const client = new S3Client({
    endpoint,
    region: S3_REGION,
    forcePathStyle: true,
    credentials: S3_CREDENTIALS,
  })
  try {
    const bucket = new URL(root).host
    return (await client.send(new ListObjectsV2Command({ Bucket: bucket }))).KeyCount ?? 0
  } finally {
    client.destroy()
  }
}
