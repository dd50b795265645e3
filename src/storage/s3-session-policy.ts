import { folderOfLocation, type S3Location } from './s3-location.ts'

/** What a session may do in which folders of S3: `s3://` locations. */
export interface S3Scope {
  /** Read, and written to when the mode says so. */
  readonly folder: string
  /** Read, and never written to. */
  readonly alsoRead: readonly string[]
  readonly mode: 'read' | 'write'
}

const READ_ACTIONS = ['s3:GetObject']
const WRITE_ACTIONS = [
  's3:PutObject',
  's3:DeleteObject',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
]

const METADATA_ACTIONS = ['s3:PutObject', 's3:DeleteObject']

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

/**
 * The session policy, as JSON, that takes all from a role but the objects in these folders, and the listing of them.
 * @param partition of AWS, which ARNs begin with: `aws`, `aws-cn`, `aws-us-gov`
 */
export function sessionPolicyOf({ folder, alsoRead, mode }: S3Scope, partition: string): string {
  const own = folderOfLocation(folder)
  const read = [own, ...alsoRead.map(folderOfLocation)]
  const objectsIn = ({ bucket, key }: S3Location): string =>
    `arn:${partition}:s3:::${bucket}/${literal(key)}*`
  const statements: readonly Statement[] = [
    { Effect: 'Allow', Action: READ_ACTIONS, Resource: read.map(objectsIn) },
    ...(mode === 'write'
      ? ([
          { Effect: 'Allow', Action: WRITE_ACTIONS, Resource: [objectsIn(own)] },
          // The catalog alone writes these, and believes what they say.
          { Effect: 'Deny', Action: METADATA_ACTIONS, Resource: [`${objectsIn(own)}.metadata.json`] },
        ] as const)
      : []),
    ...listings(read, partition),
  ]
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

/** A bucket is what is listed. Without the slash at its end, the name of a folder would also be the beginning of another's. */
function listings(folders: readonly S3Location[], partition: string): readonly Statement[] {
  const buckets = new Set(folders.map(({ bucket }) => bucket))
  return [...buckets].map(bucket => {
    const keys = folders.filter(folder => folder.bucket === bucket).map(({ key }) => literal(key))
    return {
      Effect: 'Allow',
      Action: ['s3:ListBucket'],
      Resource: [`arn:${partition}:s3:::${bucket}`],
      Condition: { StringLike: { 's3:prefix': keys.map(key => `${key}*`) } },
    }
  })
}

/** `*`, `?` and `$` mean something in a policy; these variables of it stand for themselves. */
function literal(key: string): string {
  return key.replace(/[*?$]/g, character => `\${${character}}`)
}
