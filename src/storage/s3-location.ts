import { refusedLocation } from './file-location.ts'

/** A bucket and a key in it; as a folder, the key is empty or ends with a slash. */
export interface S3Location {
  readonly bucket: string
  readonly key: string
}

/** `s3a` and `s3n` are what Hadoop calls the same thing. */
const LOCATION = /^s3[an]?:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:\/([\s\S]*))?$/

/**
 * The bucket and the key of an `s3://` location, whose text after the bucket is the key as it is, nothing percent-encoded.
 * @throws REQUEST_INVALID for another scheme, no key, a control character, half a surrogate pair, or a `.` or `..` segment
 */
export function objectOfLocation(location: string): S3Location {
  const found = parse(location)
  if (found.key === '') throw refusedLocation(location, 'it names a bucket and no file in it')
  return found
}

/** Where the keys of all files below an `s3://` folder begin; the bucket itself is a folder too. @throws REQUEST_INVALID */
export function folderOfLocation(location: string): S3Location {
  const { bucket, key } = parse(location)
  return { bucket, key: key === '' || key.endsWith('/') ? key : `${key}/` }
}

/** The `s3://` location of an object. */
export function locationOfObject({ bucket, key }: S3Location): string {
  return `s3://${bucket}/${key}`
}

function parse(location: string): S3Location {
  const [, bucket, key = ''] = LOCATION.exec(location) ?? []
  if (bucket === undefined) throw refusedLocation(location, 'it is not an s3:// location with a bucket')
  // Listings are XML, which has no way to write most control characters; half a surrogate pair has no UTF-8.
  if (/[\p{Cc}\p{Cs}]/u.test(key)) throw refusedLocation(location, 'it contains a control character')
  // Keys are no paths to S3, but they are to HTTP clients and proxies on the way, which resolve such segments.
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(key)) {
    throw refusedLocation(location, 'it contains a "." or ".." segment')
  }
  return { bucket, key }
}
