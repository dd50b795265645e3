import { readFile } from 'node:fs/promises'

/** Comments, and the three kinds of string literals. */
const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g
const PROSE = /[a-z]{2,}:? [a-zA-Z]+/
const SQL = /\b(?:SELECT|COPY|CREATE|OVER|AS|delim =|max_line_size)\b/

/**
 * The texts in a source file that are prose: what it says to people, advice (`hint`) apart. `${…}` is left in them.
 */
export async function proseOf(file: string): Promise<readonly string[]> {
  const source = await readFile(file, 'utf8')
  return [...source.matchAll(TOKENS)].flatMap(({ 0: token, index }) => {
    if (token.startsWith('/')) return []
    const text = token.slice(1, -1)
    const isAside = /(?:\bhint:|\bfrom|\btoken:|\bnew Error\(|\bwhat =)\s*$/.test(source.slice(0, index))
    return isAside || !PROSE.test(text.replace(/\$\{[^}]*\}/g, '')) || SQL.test(text) ? [] : [text]
  })
}

/** What a text with `${…}` looks like when it is printed. */
export function printedAs(text: string): RegExp {
  const pieces = text.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/)
  return new RegExp(pieces.map(escapePiece).join('.+?'))
}

function escapePiece(piece: string): string {
  return piece
    .replaceAll("\\'", "'")
    .replaceAll('\\\\', '\\')
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
