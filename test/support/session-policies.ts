/** A policy as STS takes it; what no statement allows is denied, and what one denies, whatever others allow. */
interface SessionPolicy {
  readonly Statement: readonly {
    readonly Effect: 'Allow' | 'Deny'
    readonly Action: readonly string[]
    readonly Resource: readonly string[]
    readonly Condition?: { readonly StringLike: { readonly 's3:prefix': readonly string[] } }
  }[]
}

/** An action as S3 judges a request by it. */
interface S3Action {
  readonly action: string
  /** An object's key; undefined for the bucket itself. */
  readonly key?: string
  readonly bucket: string
  /** Of a listing. */
  readonly prefix?: string
}

/** The request of a client, as far as rights depend on it. */
interface S3Request {
  readonly method: string
  /** With its query. */
  readonly url: string
  readonly body: string
}

/** Whether a session with this policy may make the request. AWS documents it so: "Actions, resources, and condition keys for Amazon S3". */
export function isAllowed(policy: SessionPolicy, request: S3Request): boolean {
  return actionsOf(request).every(action => allows(policy, action))
}

function actionsOf({ method, url, body }: S3Request): readonly S3Action[] {
  const { pathname, searchParams } = new URL(url, 'http://store')
  const [, bucket = '', path = ''] = /^\/([^/]*)\/?(.*)$/s.exec(pathname) ?? []
  const key = decodeURIComponent(path)
  if (key !== '') return [{ action: objectAction(method, searchParams), bucket, key }]
  if (searchParams.has('delete')) {
    const keys = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(match => match[1] ?? '')
    return keys.map(each => ({ action: 's3:DeleteObject', bucket, key: each }))
  }
  if (method === 'GET' && !searchParams.has('location')) {
    return [{ action: 's3:ListBucket', bucket, prefix: searchParams.get('prefix') ?? '' }]
  }
  return [{ action: `s3:${method}Bucket`, bucket }]
}

function objectAction(method: string, query: URLSearchParams): string {
  if (method === 'GET' || method === 'HEAD') {
    return query.has('uploadId') ? 's3:ListMultipartUploadParts' : 's3:GetObject'
  }
  if (method === 'DELETE') return query.has('uploadId') ? 's3:AbortMultipartUpload' : 's3:DeleteObject'
  return 's3:PutObject'
}

function allows({ Statement }: SessionPolicy, { action, bucket, key, prefix }: S3Action): boolean {
  const resource = `arn:aws:s3:::${bucket}${key === undefined ? '' : `/${key}`}`
  const matching = Statement.filter(({ Action, Resource, Condition }) => {
    const prefixes = Condition?.StringLike['s3:prefix']
    return (
      Action.includes(action) &&
      Resource.some(pattern => isLike(pattern, resource)) &&
      (prefixes === undefined || prefixes.some(pattern => prefix !== undefined && isLike(pattern, prefix)))
    )
  })
  return matching.length > 0 && matching.every(({ Effect }) => Effect === 'Allow')
}

/** `*` stands for any text. */
function isLike(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map(part => part.replace(/[.+^${}()|[\]\\?]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}

export type { SessionPolicy }
