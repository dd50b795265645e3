import { createHash, type Hash } from 'node:crypto'
import { IngotError } from '../errors.ts'
import { CsvReader, type OpenRecord } from './csv-reader.ts'
import { type CsvField, csvText, parseCsvRecord } from './csv-record.ts'
import type { IngestLimits } from './ingest-limits.ts'
import type { JsonChecker, UndeclaredFields } from './json-checker.ts'
import { JsonDocumentReader } from './json-document-reader.ts'
import { NdjsonReader } from './ndjson-reader.ts'
import type { PlannedFile } from './plan-load.ts'
import { hashing, hashOn, hashPrefix, readBytes } from './read-bytes.ts'
import type { RowSink } from './row-sink.ts'
import { type LineSink, type ScannedLines, scanLines } from './scan-lines.ts'
import { writtenWhileRead } from './source-error.ts'

export interface ReadTextOptions {
  readonly file: PlannedFile
  /** The file itself, or what it inflates to. */
  readonly path: string
  readonly pathBytes: number
  readonly checker: JsonChecker
  /** The names of the declared columns; undefined: the text is the row. */
  readonly declared: readonly string[] | undefined
  readonly undeclared: UndeclaredFields
  readonly limits: IngestLimits
  readonly sink: RowSink
}

export interface ReadText {
  /** The position of the last line or element. */
  readonly lineCount: number
  readonly blankCount: number
  readonly openBytes: number
  readonly isOpenRow: boolean
  /** Rows of the open bytes, which are none when the file grows. */
  readonly openRowCount: number
  readonly contentHash: string
}

/** Reads a text file, or what it grew by, into `sink`. */
export async function readTextFile(options: ReadTextOptions): Promise<ReadText> {
  const { file, path } = options
  const isInflated = path !== file.path
  const start = file.growth?.fromByte ?? 0
  const hash = isInflated ? await hashPrefix(file.path, file.sizeBytes) : await hashBefore(file)
  const bytes = readBytes(path, start, options.pathBytes)
  const chunks = isInflated ? bytes : hashing(bytes, hash)
  const read = await readChunks(options, chunks)
  return { ...read, contentHash: hash.digest('hex') }
}

/**
 * The hash of what comes before that which is read.
 * @throws SOURCE_CHANGED, retryable, when a file that had grown has other content by now
 */
async function hashBefore({ path, source, growth, taken }: PlannedFile): Promise<Hash> {
  if (growth === undefined || taken === undefined) return createHash('sha256')
  const { fromByte } = growth
  const both = Math.min(fromByte, taken.sizeBytes)
  const hash = await hashPrefix(path, both)
  const takenHash = await hashOn(hash.copy(), path, both, taken.sizeBytes)
  if (takenHash.digest('hex') !== taken.contentHash) throw writtenWhileRead(source, path)
  return await hashOn(hash, path, both, fromByte)
}

async function readChunks(
  options: ReadTextOptions,
  chunks: AsyncIterable<Buffer>,
): Promise<Omit<ReadText, 'contentHash'>> {
  const { file, checker, sink, limits } = options
  const { source } = file
  if (file.format === 'json') {
    const reader = new JsonDocumentReader({ source, checker, sink, lineBytesMax: limits.lineBytesMax })
    const lineCount = await reader.read(chunks)
    return { lineCount, blankCount: 0, openBytes: 0, isOpenRow: false, openRowCount: 0 }
  }
  if (file.format === 'ndjson') {
    const reader = new NdjsonReader(source, checker, sink, limits.lineBytesMax)
    return toRead(options, await scan(options, chunks, reader), reader.isOpenLineRefused)
  }
  const reader = await openCsv(options)
  const scanned = await scan(options, chunks, reader)
  reader.end()
  await sink.pause()
  const read = toRead(options, scanned, reader.isOpenLineRefused)
  return reader.openRecord === undefined ? read : toOpenRead(read, reader.openRecord, scanned)
}

function toOpenRead(
  { blankCount }: Omit<ReadText, 'contentHash'>,
  { position, terminatedBytes, rowCount }: OpenRecord,
  { unterminatedBytes }: ScannedLines,
): Omit<ReadText, 'contentHash'> {
  const openBytes = terminatedBytes + unterminatedBytes
  return { lineCount: position, blankCount, openBytes, isOpenRow: false, openRowCount: rowCount }
}

function scan(
  { file, limits }: ReadTextOptions,
  chunks: AsyncIterable<Buffer>,
  sink: LineSink,
): Promise<ScannedLines> {
  const firstPosition = file.growth?.fromPosition ?? 1
  const isStart = file.growth === undefined || file.growth.fromByte === 0
  return scanLines(chunks, { lineBytesMax: limits.lineBytesMax, firstPosition, isStart }, sink)
}

function toRead(
  { file }: ReadTextOptions,
  { lineCount, blankCount, unterminatedBytes }: ScannedLines,
  isOpenRefused: boolean,
): Omit<ReadText, 'contentHash'> {
  const before = (file.growth?.fromPosition ?? 1) - 1
  const isOpenRow = unterminatedBytes > 0 && !isOpenRefused
  const openBytes = unterminatedBytes
  return { lineCount: before + lineCount, blankCount, openBytes, isOpenRow, openRowCount: 0 }
}

async function openCsv(options: ReadTextOptions): Promise<CsvReader> {
  const { file, checker, declared, undeclared, limits, sink } = options
  const csv = file.declaration.csv ?? {}
  const delimiter = delimiterOf(file)
  const hasHeader = csv.header ?? true
  const first = await readFirstRecord(options, delimiter)
  // A file without a line has no header to be wrong.
  const isHeader = hasHeader && first !== undefined
  const header = isHeader ? first : (declared ?? numberedNames(first?.length ?? 0))
  return new CsvReader({
    source: file.source,
    header,
    fields: declared === undefined ? undefined : checker.fields,
    required: declared ?? [],
    undeclared,
    ...(csv.nullText !== undefined && { nullText: csv.nullText }),
    sink,
    delimiter,
    lineBytesMax: limits.lineBytesMax,
    skipsFirst: hasHeader && (file.growth?.fromByte ?? 0) === 0,
  })
}

function numberedNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `column${index + 1}`)
}

function delimiterOf(file: PlannedFile): number {
  const isTabs = /\.tsv(?:\.\w+)?$/i.test(file.source)
  const text = file.declaration.csv?.delimiter ?? (isTabs ? '\t' : ',')
  if (text.length === 1 && text.charCodeAt(0) < 0x80 && text !== '"') return text.charCodeAt(0)
  throw new IngotError(
    'DECLARATION_INVALID',
    `the delimiter ${JSON.stringify(text)} is not one ASCII character`,
    {
      hint: "write for example: csv: { delimiter: ';' }",
      context: { delimiter: text, site: file.declaration.site },
    },
  )
}

/** The fields of the first line that is not blank; a header does not go on over lines. */
async function readFirstRecord(
  { path, pathBytes, limits }: ReadTextOptions,
  delimiter: number,
): Promise<string[] | undefined> {
  const head: Buffer[] = []
  let names: string[] | undefined
  const sink: LineSink = {
    line(bytes, start, end) {
      if (names !== undefined) return
      const fields: CsvField[] = []
      parseCsvRecord(bytes, start, end, delimiter, fields)
      names = fields.map(field => csvText(bytes, field))
    },
    pause: async () => undefined,
  }
  const sizeBytes = Math.min(pathBytes, limits.lineBytesMax + 4)
  for await (const chunk of readBytes(path, 0, sizeBytes)) head.push(Buffer.from(chunk))
  await scanLines(oneChunk(Buffer.concat(head)), { lineBytesMax: limits.lineBytesMax }, sink)
  return names
}

async function* oneChunk(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk
}
