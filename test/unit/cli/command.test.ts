import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Command, type CommandInput, commandHelp, parseCommandLine } from '../../../src/cli/command.ts'
import { CapturedTerminal } from './captured-terminal.ts'

const COMMAND: Command = {
  name: 'look',
  summary: 'look at a table',
  positionals: '<table>',
  positionalsCount: [1, 1],
  options: {
    limit: { config: { type: 'string' }, value: '<rows>', help: 'how many' },
    only: { config: { type: 'string', multiple: true }, value: '<column>', help: 'repeatable' },
  },
  examples: ['ingot look silver.orders'],
  run: async () => 0,
}

const WITH_VERBS: Command = {
  name: 'mark',
  summary: 'mark tables',
  verbs: {
    list: {},
    set: { positionals: '<mark> [table …]', positionalsCount: [1, 3], options: ['until'] },
  },
  options: { until: { config: { type: 'string' }, value: '<day>', help: 'set: how long' } },
  examples: ['ingot mark set red'],
  run: async () => 0,
}

function parse(...args: readonly string[]): CommandInput | 'help' {
  return parseFor(COMMAND, args)
}

function parseFor(command: Command, args: readonly string[]): CommandInput | 'help' {
  const surroundings = {
    environment: {},
    signal: new AbortController().signal,
    terminal: new CapturedTerminal(),
  }
  return parseCommandLine(command, args, surroundings)
}

function input(...args: readonly string[]): CommandInput {
  const parsed = parse(...args)
  assert.notEqual(parsed, 'help')
  return parsed as CommandInput
}

test('arguments become what a command reads', () => {
  const parsed = input(
    'silver.orders',
    '--limit',
    '7',
    '--only',
    'a',
    '--only=b',
    '--json',
    '-p',
    '/somewhere',
  )
  assert.deepEqual(parsed.positionals, ['silver.orders'])
  assert.equal(parsed.count('limit', 20), 7)
  assert.deepEqual(parsed.texts('only'), ['a', 'b'])
  assert.equal(parsed.json, true)
  assert.equal(parsed.projectFolder, '/somewhere')
  assert.equal(input('t').count('limit', 20), 20)
  assert.equal(input('t').projectFolder, process.cwd())
  assert.deepEqual(input('t').texts('only'), [])
})

const WRONG: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['t', '--limit'], /'--limit <value>' argument missing/],
  [['t', '--json=yes'], /'--json'/],
  [[], /ingot look takes <table>/],
  [['t', 'u'], /ingot look takes <table>/],
]

for (const [args, message] of WRONG) {
  test(`ingot look ${args.join(' ')} is refused with what is wrong`, () => {
    assert.throws(() => parse(...args), { code: 'REQUEST_INVALID', message, hint: 'run: ingot look --help' })
  })
}

test('an unknown option is refused, with the one that may have been meant', () => {
  assert.throws(() => parse('t', '--lmit', '7'), {
    message: 'ingot look has no option --lmit',
    hint: 'did you mean --limit? run: ingot look --help',
  })
  assert.throws(() => parse('t', '--limit', '-1'), { message: /^Option '--limit' argument is ambiguous\.$/ })
})

const WRONG_VERBS: readonly (readonly [args: readonly string[], message: RegExp, hint: RegExp])[] = [
  [[], /ingot mark takes one of list, set$/, /ingot mark --help/],
  [['take', 'red'], /ingot mark has no take$/, /use one of list, set/],
  [['toString'], /ingot mark has no toString$/, /use one of list, set/],
  [['list', 'red'], /ingot mark list takes no further arguments$/, /ingot mark --help/],
  [['list', '--until', 'May'], /ingot mark list takes no --until$/, /ingot mark --help/],
  [['set'], /ingot mark set takes <mark> \[table …\]$/, /ingot mark --help/],
  [['set', 'red', 'a', 'b', 'c'], /ingot mark set takes <mark> \[table …\]$/, /ingot mark --help/],
]

for (const [args, message, hint] of WRONG_VERBS) {
  test(`ingot mark ${args.join(' ')} is refused with what is wrong`, () => {
    assert.throws(
      () => parseFor(WITH_VERBS, args),
      (error: Error & { hint: string }) => message.test(error.message) && hint.test(error.hint),
    )
  })
}

test('a verb gets its own arguments and options, and those that all commands take', () => {
  const parsed = parseFor(WITH_VERBS, ['set', 'red', 'a', '--until', 'May', '--json']) as CommandInput
  assert.deepEqual(parsed.positionals, ['set', 'red', 'a'])
  assert.equal(parsed.text('until'), 'May')
  assert.equal(parsed.json, true)
  const usage = commandHelp(WITH_VERBS).split('\n').slice(2, 4)
  assert.deepEqual(usage, [
    'usage: ingot mark list [options]',
    '       ingot mark set <mark> [table …] [options]',
  ])
})

for (const text of ['0', '-1', '1.5', '1e3', 'all', '', '9999999999', ' 7', '0x10']) {
  test(`--limit=${text} is no count`, () => {
    assert.throws(() => input('t', `--limit=${text}`).count('limit', 20), {
      code: 'REQUEST_INVALID',
      message: `--limit is ${text}, which is not a whole number above 0`,
    })
  })
}

test('help shows every option, what it takes and an example', () => {
  assert.equal(parse('--help'), 'help')
  assert.equal(parse('t', '-h'), 'help')
  const lines = commandHelp(COMMAND).split('\n')
  assert.equal(lines[2], 'usage: ingot look <table> [options]')
  assert.ok(lines.includes('      --limit <rows>      how many'))
  assert.ok(lines.includes('  -p, --project <folder>  the folder of lake.ts (default: this one)'))
  assert.equal(lines.at(-1), '  ingot look silver.orders')
})
