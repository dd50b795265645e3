import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { STORES } from './interop-store.ts'
import { INTEROP_SOURCES } from './interop-tools.ts'
import { ENGINES, type EngineName, OPERATIONS, type Outcomes } from './operations.ts'

const PAGE = join(INTEROP_SOURCES, '..', '..', 'docs', 'interop.md')
const BEGIN = '<!-- operations: begin, written by npm run test:interop -->'
const END = '<!-- operations: end -->'

/** One line of the table: an operation, then each engine on each store. */
type Cells = Readonly<Record<string, readonly string[]>>

interface Section {
  readonly cells: ReadonlyMap<EngineName, Cells>
  /** By engine, its refusals as lines of a list. */
  readonly refusals: ReadonlyMap<EngineName, readonly string[]>
}

/**
 * Writes what came of an engine's operations into docs/interop.md, where the columns of other engines stay as they are.
 * Fails when the page said otherwise: then there is something to commit.
 */
export async function assertPageTells(engine: EngineName, outcomes: Outcomes): Promise<void> {
  for (const store of STORES) {
    for (const name of OPERATIONS) {
      assert(
        outcomes.get(store)?.has(name),
        `${engine} on ${store} ${name}: not as expected, so the page stays`,
      )
    }
  }
  const before = await readFile(PAGE, 'utf8')
  const after = withOutcomes(before, engine, outcomes)
  if (after === before) return
  await writeFile(PAGE, after)
  assert.fail(
    `docs/interop.md did not tell how ${engine} fares; it does now: look at the change and commit it`,
  )
}

/** The page with the columns of one engine as these outcomes are. */
export function withOutcomes(page: string, engine: EngineName, outcomes: Outcomes): string {
  const [before, rest = ''] = page.split(BEGIN)
  const [section = '', after] = rest.split(END)
  assert(before !== undefined && after !== undefined, `no ${BEGIN} and ${END} in docs/interop.md`)
  const { cells, refusals } = readSection(section)
  const text = sectionText({
    cells: new Map([...cells, [engine, cellsOf(outcomes)]]),
    refusals: new Map([...refusals, [engine, refusalsOf(engine, outcomes)]]),
  })
  return `${before}${BEGIN}\n${text}\n${END}${after}`
}

function cellsOf(outcomes: Outcomes): Cells {
  return Object.fromEntries(
    OPERATIONS.map(name => [name, STORES.map(store => outcomes.get(store)?.get(name)?.result ?? '')]),
  )
}

/** Words that are the same on every store are told once. */
function refusalsOf(engine: EngineName, outcomes: Outcomes): readonly string[] {
  const lines = OPERATIONS.flatMap(name =>
    STORES.flatMap(store => {
      const words = outcomes.get(store)?.get(name)?.words
      return words === undefined ? [] : [`- ${engine}, ${name}: \`${words}\``]
    }),
  )
  return [...new Set(lines)]
}

function sectionText({ cells, refusals }: Section): string {
  const heads = ENGINES.flatMap(engine => STORES.map(store => `${engine}, ${store}`))
  const rows = OPERATIONS.map(name => [
    name,
    ...ENGINES.flatMap(engine => cells.get(engine)?.[name] ?? STORES.map(() => '')),
  ])
  const table = [['', ...heads], ['---', ...heads.map(() => '---')], ...rows]
  const lines = table.map(row => `| ${row.join(' | ')} |`)
  return [...lines, '', ...ENGINES.flatMap(engine => refusals.get(engine) ?? [])].join('\n').trimEnd()
}

function readSection(text: string): Section {
  const lines = text.split('\n')
  const rows = lines.filter(line => line.startsWith('| ')).map(line => line.slice(2, -2).split(' | '))
  const ofEngine = (line: string, engine: EngineName): boolean => line.startsWith(`- ${engine}, `)
  return {
    cells: new Map(
      ENGINES.map((engine, index) => {
        const from = 1 + index * STORES.length
        return [
          engine,
          Object.fromEntries(
            rows.map(([name = '', ...cells]) => [name, cells.slice(from - 1, from - 1 + STORES.length)]),
          ),
        ]
      }),
    ),
    refusals: new Map(ENGINES.map(engine => [engine, lines.filter(line => ofEngine(line, engine))])),
  }
}
