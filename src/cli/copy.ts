import { resolve } from 'node:path'
import { loadConfig, loadTargetConfig } from '../config.ts'
import { type CopyEvent, type CopyReport, type CopySide, copyLake } from '../copy/copy-lake.ts'
import { IngotError } from '../errors.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { formatIdentifier } from '../table-identifier.ts'
import { type Command, type CommandInput, EXIT } from './command.ts'
import { formatBytes, formatCount } from './text-table.ts'

export const copyCommand: Command = {
  name: 'copy',
  summary: 'copy the whole lake, its history included, to where another configuration says',
  options: {
    to: {
      config: { type: 'string' },
      value: '<file>',
      help: 'a file like ingot.json: its storage and catalog are where the copy goes',
    },
  },
  examples: ['ingot copy --to ingot.production.json'],
  run: async input => {
    const file = input.text('to')
    if (file === undefined) {
      throw new IngotError('REQUEST_INVALID', 'ingot copy needs --to <file>', {
        hint: 'write the storage and the catalog of the copy into a file like ingot.json, and name it',
      })
    }
    const config = loadConfig(input.projectFolder, input.environment)
    const options = { prettyLog: !input.json, logLevel: 'warn' } as const
    await using source = await openPlatform(config, options)
    await using target = await openPlatform(loadTargetConfig(config, resolve(file)), options)
    const report = await copyLake({
      source: sideOf(source),
      target: sideOf(target),
      random: source.random,
      tempFolder: source.tempFolder,
      signal: input.signal,
      onEvent: event => showEvent(event, input),
    })
    if (input.json) input.terminal.out(JSON.stringify(report))
    else input.terminal.out(describeReport(report, target))
    return EXIT.ok
  },
}

/** @throws REQUEST_INVALID when the catalog is another process, whose store only that one knows */
function sideOf({ config, context, engine, store }: Platform): CopySide {
  if (store !== undefined) return { root: config.storage.root, context, engine, store }
  throw new IngotError('REQUEST_INVALID', `the catalog at ${config.catalog.url} keeps its store to itself`, {
    hint: 'name the store itself, by catalog.file or catalog.postgresUrl, and leave catalog.url out',
  })
}

/** How often the number of files is told where nobody watches. */
const FILES_PER_LINE = 1000

function showEvent(event: CopyEvent, { json, terminal }: CommandInput): void {
  if (json) return
  const { style } = terminal
  if (event.type === 'compared') {
    const rows = formatCount(event.rows, 'row')
    terminal.err(`${style.green('✓')} ${formatIdentifier(event.table)}  ${rows}, equal on both sides`)
  } else if (event.copied.files % FILES_PER_LINE === 0) {
    terminal.err(style.dim(describeFiles(event.copied)))
  }
}

function describeFiles({ files, bytes }: CopyReport['copied']): string {
  return `${formatCount(files, 'file')} copied, ${formatBytes(bytes)}`
}

function describeReport(report: CopyReport, { config }: Platform): string {
  const { transactionId, tables, views, versions, rows, copied } = report
  const missing =
    copied.missing === 0 ? [] : [`${formatCount(copied.missing, 'file')} of the history were gone already`]
  return [
    `${config.storage.root} is the lake as transaction ${transactionId} left it:`,
    `${formatCount(tables, 'table')} and ${formatCount(views, 'view')}, ${formatCount(versions, 'version')}, ${formatCount(rows, 'row')}; ${describeFiles(copied)} now`,
    ...missing,
    'the source is as it was; put the storage and the catalog of the copy into ingot.json to use it',
  ].join('\n')
}
