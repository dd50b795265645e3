import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

/** Relative links of Markdown, without the place in the page. */
function linksIn(text: string): readonly string[] {
  return [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target = '']) => target)
}

/** Pages that texts of the program send people to. */
async function pagesNamedIn(folder: string): Promise<readonly string[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  const texts = await Promise.all(files.map(name => readFile(join(folder, name), 'utf8')))
  return texts.flatMap(text => [...text.matchAll(/docs\/[\w/-]+\.md/g)].map(([page]) => page))
}

test('every page that the README, the guides and the program point to is there, and in the package', async () => {
  const { files } = JSON.parse(await readFile('package.json', 'utf8')) as { files: readonly string[] }
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name))
  const linked = await Promise.all(
    ['README.md', ...pages].map(async page =>
      linksIn(await readFile(page, 'utf8')).map(target => normalize(join(dirname(page), target))),
    ),
  )
  const targets = new Set([...linked.flat(), ...(await pagesNamedIn('src'))])
  assert.ok(targets.has('docs/configuration.md') && targets.size > 10, `only ${targets.size} were found`)
  assert.deepEqual(
    [...targets].filter(target => !existsSync(target)),
    [],
    'not there',
  )
  assert.deepEqual(
    [...targets].filter(target => !files.includes(target.split('/')[0] ?? '')),
    [],
    'not in the package',
  )
})
