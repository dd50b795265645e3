import { IngotError } from '../errors.ts'
import { captureCallSite } from './call-site.ts'
import type { FilesSource } from './lake.ts'
import { OptionReader } from './option-reader.ts'

/** How files are read; the format is told from the file's name unless it is given. */
export interface FilesOptions {
  /** @default 'auto' */
  readonly format?: FilesSource['format']
  /** `replace` makes a lookup: a file that changed has its rows exchanged. @default 'append' */
  readonly onChange?: FilesSource['onChange']
  readonly csv?: NonNullable<FilesSource['csv']>
}

const FORMATS = ['auto', 'ndjson', 'json', 'csv', 'parquet'] as const
const ON_CHANGE = ['append', 'replace'] as const

/**
 * Files by glob, relative to the project's folder unless absolute.
 * @throws DECLARATION_INVALID naming the option
 */
export function files(glob: string, options: FilesOptions = {}): FilesSource {
  const site = captureCallSite(files)
  const reader = new OptionReader('files()', options)
  if (typeof glob !== 'string' || glob.trim() === '') {
    reader.fault('the glob of files() is not a text', "write: files('inbox/*.ndjson')")
  }
  const format = reader.oneOf('format', FORMATS) ?? 'auto'
  const onChange = reader.oneOf('onChange', ON_CHANGE) ?? 'append'
  const csv = readCsv(reader)
  reader.finish()
  const [mistake] = reader.mistakes
  if (mistake) {
    throw new IngotError('DECLARATION_INVALID', mistake.cause, { hint: mistake.fix, context: { site } })
  }
  return Object.freeze({ type: 'files', glob, format, onChange, ...(csv && { csv }), site })
}

function readCsv(reader: OptionReader): FilesSource['csv'] {
  const value = reader.object('csv')
  if (!value) return undefined
  const csv = new OptionReader('csv', value, reader.mistakes)
  const delimiter = csv.text('delimiter')
  const header = csv.boolean('header')
  const nullText = csv.text('nullText')
  csv.finish()
  return Object.freeze({
    ...(delimiter !== undefined && { delimiter }),
    ...(header !== undefined && { header }),
    ...(nullText !== undefined && { nullText }),
  })
}
