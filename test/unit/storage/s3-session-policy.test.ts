import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type S3Scope, sessionPolicyOf } from '../../../src/storage/s3-session-policy.ts'

const ORDERS = 's3://lake/main/silver/orders-0a1b2c3d'

function policyOf(scope: Partial<S3Scope>, partition = 'aws'): unknown {
  return JSON.parse(sessionPolicyOf({ folder: ORDERS, alsoRead: [], mode: 'read', ...scope }, partition))
}

test('who reads a table may get its objects and list its folder, and nothing else', () => {
  assert.deepEqual(policyOf({}), {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['s3:GetObject'],
        Resource: ['arn:aws:s3:::lake/main/silver/orders-0a1b2c3d/*'],
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['arn:aws:s3:::lake'],
        Condition: { StringLike: { 's3:prefix': ['main/silver/orders-0a1b2c3d/*'] } },
      },
    ],
  })
})

test('who writes one may put and delete its objects besides, in parts, too', () => {
  const { Statement } = policyOf({ mode: 'write' }) as { readonly Statement: readonly unknown[] }
  assert.deepEqual(Statement[1], {
    Effect: 'Allow',
    Action: ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
    Resource: ['arn:aws:s3:::lake/main/silver/orders-0a1b2c3d/*'],
  })
  assert.equal(Statement.length, 4)
})

test('nor may a writer exchange a metadata file: the catalog believes what it says', () => {
  const { Statement } = policyOf({ mode: 'write' }) as { readonly Statement: readonly unknown[] }
  assert.deepEqual(Statement[2], {
    Effect: 'Deny',
    Action: ['s3:PutObject', 's3:DeleteObject'],
    Resource: ['arn:aws:s3:::lake/main/silver/orders-0a1b2c3d/*.metadata.json'],
  })
})

test('the folders of others are read alone, in their buckets', () => {
  const scope = { mode: 'write', alsoRead: ['s3://lake/main/silver/old-1', 's3://archive/x'] } as const
  assert.deepEqual(policyOf(scope, 'aws-cn'), {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['s3:GetObject'],
        Resource: [
          'arn:aws-cn:s3:::lake/main/silver/orders-0a1b2c3d/*',
          'arn:aws-cn:s3:::lake/main/silver/old-1/*',
          'arn:aws-cn:s3:::archive/x/*',
        ],
      },
      {
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        Resource: ['arn:aws-cn:s3:::lake/main/silver/orders-0a1b2c3d/*'],
      },
      {
        Effect: 'Deny',
        Action: ['s3:PutObject', 's3:DeleteObject'],
        Resource: ['arn:aws-cn:s3:::lake/main/silver/orders-0a1b2c3d/*.metadata.json'],
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['arn:aws-cn:s3:::lake'],
        Condition: { StringLike: { 's3:prefix': ['main/silver/orders-0a1b2c3d/*', 'main/silver/old-1/*'] } },
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['arn:aws-cn:s3:::archive'],
        Condition: { StringLike: { 's3:prefix': ['x/*'] } },
      },
    ],
  })
})

test('what means something in a policy stands for itself in a folder', () => {
  const text = JSON.stringify(policyOf({ folder: 's3://lake/$aws/a*b?/"t"' }))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the policy
  assert.ok(text.includes('arn:aws:s3:::lake/${$}aws/a${*}b${?}/\\"t\\"/*'), text)
})
