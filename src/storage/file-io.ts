/** What a listing says of a file. */
export interface FileStat {
  readonly location: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

/** Bytes of a file from `start` on, before `end`; `start` is less. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The files of a lake, on a folder or an object store. Locations are URIs (`file:///lake/silver/t-1f/data/x.parquet`),
 * never percent-encoded: the text after the scheme is the path as it is. Files are immutable: there is no overwrite.
 * Conformance: test/conformance/file-io.ts.
 */
export interface FileIO {
  /** The file, or what it has of a part of it. @throws FILE_NOT_FOUND */
  read(location: string, range?: ByteRange): Promise<Uint8Array>
  /**
   * Creates a file; when this resolves, the file and its name survive a power loss. Concurrent creators of one
   * location: exactly one wins. After a failure the file may or may not be there, never in part.
   * @throws FILE_EXISTS when there is one already; STORAGE_FAILED
   */
  create(location: string, bytes: Uint8Array): Promise<void>
  /**
   * Makes files that somebody else wrote (an engine process) and their names survive a power loss.
   * A failed sync is final for its file: write it again under a new name.
   */
  sync(locations: readonly string[]): Promise<void>
  /** Undefined when there is no such file. */
  stat(location: string): Promise<FileStat | undefined>
  /** Every file whose location starts with the folder `prefix`, in no order. A folder that is not there lists nothing. */
  list(prefix: string): AsyncIterable<FileStat>
  /** Files that are gone already are no error. */
  remove(locations: readonly string[]): Promise<void>
  /** Makes `folder` exist for an engine that writes into it; durable. */
  makeFolder(folder: string): Promise<void>
  /**
   * The location of the file that this one leads to when every link on its way is followed; on an object store, itself.
   * @throws FILE_NOT_FOUND
   */
  realLocation(location: string): Promise<string>
  /** How the engine's SQL names this location: a path for a folder, a URL for an object store. */
  toEnginePath(location: string): string
  /** The inverse of toEnginePath. */
  fromEnginePath(path: string): string
}
