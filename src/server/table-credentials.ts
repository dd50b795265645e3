import { tablePath } from '../catalog/rest-paths.ts'
import { locationsOf, type TableLocations } from '../catalog/table-locations.ts'
import { IngotError, isIngotError } from '../errors.ts'
import type { TableMetadata } from '../format/metadata-types.ts'
import type { S3CredentialVendor, VendedS3Credentials } from '../storage/s3-credential-vendor.ts'
import { formatIdentifier, type TableIdentifier } from '../table-identifier.ts'
import type { Log } from '../telemetry/log.ts'

/** A table whose files somebody wants to read or write. */
export interface CredentialedTable {
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
}

/** Who asks, and what they may do with the files of a table. */
export interface FileAccess {
  readonly mode: 'read' | 'write'
  /** Undefined without authentication. */
  readonly principal: string | undefined
}

export interface TableCredentialsOptions {
  /** Undefined where credentials are given out by nobody. */
  readonly vendor: S3CredentialVendor | undefined
  /** How engines find the store. */
  readonly s3: { readonly endpoint: string | undefined; readonly pathStyle: boolean | undefined }
  /** Whether the lake is on S3: a folder needs no credentials. */
  readonly isOnS3: boolean
  readonly log: Log
  /** Asked in the work of the request. */
  accessTo(identifier: TableIdentifier): FileAccess
}

/** REST spec, StorageCredential. */
interface StorageCredential {
  readonly prefix: string
  readonly config: Readonly<Record<string, string>>
}

/** The keys of a LoadTableResult (REST spec) that tell how its files are reached. */
export interface LoadedCredentials {
  readonly config: Readonly<Record<string, string>>
  readonly 'storage-credentials'?: readonly StorageCredential[]
}

/** Nothing: who asked brings credentials, or needs none. */
export const NO_CREDENTIALS: LoadedCredentials = { config: {} }

/**
 * Credentials for the files of one table, as the REST spec hands them out ("loadTable", "loadCredentials"). They are secret: they
 * are put into the answer to who asked, and nowhere else.
 */
export class TableCredentials {
  readonly #options: TableCredentialsOptions

  constructor(options: TableCredentialsOptions) {
    this.#options = options
  }

  /** Whether tables come with credentials, for those who wish it. */
  get areVended(): boolean {
    return this.#options.vendor !== undefined
  }

  /** Of a table that is there. @throws STORAGE_FAILED when there are to be some, and cannot be had */
  async forLoaded(table: CredentialedTable): Promise<LoadedCredentials> {
    const { vendor } = this.#options
    if (vendor === undefined) return NO_CREDENTIALS
    const credential = await this.#vend(vendor, table)
    // Clients that do not know `storage-credentials`, and tables that have no metadata file yet, look into `config`.
    return {
      config: { ...credential.config, 'client.refresh-credentials-endpoint': refreshPath(table) },
      'storage-credentials': [credential],
    }
  }

  /**
   * Of a table that this request made, or staged. It was made, whatever STS says: without credentials the answer says so all the same,
   * and the next load asks for them again.
   */
  async forMade(table: CredentialedTable): Promise<LoadedCredentials> {
    try {
      return await this.forLoaded(table)
    } catch (error) {
      if (!isIngotError(error)) throw error
      const name = formatIdentifier(table.identifier)
      this.#options.log.warn({ table: name, err: error }, 'a new table is answered without credentials')
      return NO_CREDENTIALS
    }
  }

  /** REST spec, LoadCredentialsResponse. @throws UNSUPPORTED where none are given out; STORAGE_FAILED */
  async list(table: CredentialedTable): Promise<{ 'storage-credentials': readonly StorageCredential[] }> {
    const { vendor, isOnS3 } = this.#options
    if (vendor !== undefined) return { 'storage-credentials': [await this.#vend(vendor, table)] }
    if (isOnS3) {
      throw new IngotError('UNSUPPORTED', 'this catalog gives out no credentials', {
        hint: 'use credentials of your own; or whoever runs the catalog sets storage.s3.vending.roleArn',
      })
    }
    return { 'storage-credentials': [] }
  }

  async #vend(
    vendor: S3CredentialVendor,
    { identifier, metadata }: CredentialedTable,
  ): Promise<StorageCredential> {
    const { mode, principal } = this.#options.accessTo(identifier)
    const locations = locationsOf(metadata)
    const { own: folder, shared: alsoRead } = locations
    const credentials = await vendor.vend({ folder, alsoRead, mode, principal })
    return { prefix: commonFolderOf(locations), config: this.#configOf(credentials) }
  }

  /** As Iceberg's S3FileIO and PyIceberg call them. */
  #configOf(credentials: VendedS3Credentials): Record<string, string> {
    const { endpoint, pathStyle = endpoint !== undefined } = this.#options.s3
    return {
      's3.access-key-id': credentials.accessKeyId,
      's3.secret-access-key': credentials.secretAccessKey,
      's3.session-token': credentials.sessionToken,
      's3.session-token-expires-at-ms': String(credentials.expiresAtMs),
      's3.region': credentials.region,
      'client.region': credentials.region,
      's3.path-style-access': String(pathStyle),
      ...(endpoint !== undefined && { 's3.endpoint': endpoint }),
    }
  }
}

/** Where Iceberg's own client gets the next ones, below the URL of the catalog. */
function refreshPath({ identifier }: CredentialedTable): string {
  return `${tablePath(identifier).slice(1)}/credentials`
}

/**
 * The folder that all the locations lie in, with a slash at its end. One credential is good for all of them: Iceberg's own client takes no
 * more than one for S3.
 */
function commonFolderOf({ own, shared }: TableLocations): string {
  const [first = [], ...others] = [own, ...shared].map(location => location.split('/'))
  const different = first.findIndex((segment, index) => others.some(other => other[index] !== segment))
  return `${first.slice(0, different === -1 ? undefined : different).join('/')}/`
}
