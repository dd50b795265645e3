import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Files in PEM: a certificate that is its own authority, and its key. */
export interface TlsCertificate {
  readonly certificate: string
  readonly key: string
}

/** A certificate for 127.0.0.1, by openssl. */
export async function makeCertificate(folder: string): Promise<TlsCertificate> {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const subject = ['-subj', '/CN=ingot', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', key, '-out', certificate]
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    ...subject,
    ...files,
  ])
  return { certificate, key }
}
