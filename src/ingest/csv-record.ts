import { QUOTE } from './text-bytes.ts'

/** One field of a CSV record: its text in [start, end), quotes apart. */
export interface CsvField {
  start: number
  end: number
  isQuoted: boolean
  /** Whether quotes in it are doubled. */
  hasQuotes: boolean
}

export type CsvParse = 'complete' | 'open' | 'malformed'

/**
 * Cuts the record in [start, end) into fields (RFC 4180; a quote inside an unquoted field is a character like others).
 * `open`: a quoted field is not closed; `malformed`: a closed one goes on.
 */
export function parseCsvRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: number,
  fields: CsvField[],
): CsvParse {
  fields.length = 0
  let at = start
  for (;;) {
    const field: CsvField = {
      start: at,
      end: at,
      isQuoted: at < end && bytes[at] === QUOTE,
      hasQuotes: false,
    }
    fields.push(field)
    if (field.isQuoted) {
      at = closeQuote(bytes, end, field)
      if (at < 0) return 'open'
      if (at < end && bytes[at] !== delimiter) return 'malformed'
    } else {
      while (at < end && bytes[at] !== delimiter) at += 1
      field.end = at
    }
    if (at >= end) return 'complete'
    at += 1
  }
}

/** The place after the quote that closes the field, or -1. */
function closeQuote(bytes: Uint8Array, end: number, field: CsvField): number {
  field.start += 1
  let at = field.start
  while (at < end) {
    if (bytes[at] !== QUOTE) at += 1
    else if (at + 1 < end && bytes[at + 1] === QUOTE) {
      field.hasQuotes = true
      at += 2
    } else {
      field.end = at
      return at + 1
    }
  }
  return -1
}

/** The text of a field, doubled quotes made single. */
export function csvText(bytes: Buffer, field: CsvField): string {
  const text = bytes.toString('utf8', field.start, field.end)
  return field.hasQuotes ? text.replaceAll('""', '"') : text
}
