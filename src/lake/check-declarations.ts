import { isColumnName } from './column-name.ts'
import type { BronzeDeclaration } from './declaration.ts'
import type { LakeDraft, TableDraft } from './lake-draft.ts'
import { compareSites, formatSite } from './mistake.ts'
import { isQuarantine } from './quarantine.ts'
import { reservedColumn } from './reserved-columns.ts'

const NAME = /^[a-z_][a-z0-9_]*$/i
const NAME_LENGTH_MAX = 128

/** What can be said of each declaration by itself, and of their names together. */
export function checkDeclarations(draft: LakeDraft): void {
  for (const table of draft.tables) {
    for (const { cause, fix } of table.declaration.mistakes) draft.break(table, table.site, cause, fix)
    checkName(draft, table)
    if (table.declaration.kind === 'bronze') checkBronzeColumns(draft, table, table.declaration)
    else checkKeyOptions(draft, table)
  }
  checkUniqueNames(draft)
}

function checkName(draft: LakeDraft, table: TableDraft): void {
  const { name } = table.declaration
  if (typeof name !== 'string') return
  if (!NAME.test(name) || name.length > NAME_LENGTH_MAX) {
    draft.break(
      table,
      table.site,
      `${JSON.stringify(name)} cannot be the name of a table`,
      `use letters, digits and underscores, not beginning with a digit, ${NAME_LENGTH_MAX} at most`,
    )
  } else if (isQuarantine({ namespace: [], name: name.toLowerCase() })) {
    draft.break(
      table,
      table.site,
      `${name} is reserved: the rows that a table refuses go to a table of such a name`,
      'choose another name',
    )
  }
}

function checkUniqueNames(draft: LakeDraft): void {
  const first = new Map<string, TableDraft>()
  for (const table of draft.tables.toSorted((a, b) => compareSites(a.site, b.site))) {
    const id = table.declaration.id.toLowerCase()
    const other = first.get(id)
    if (!other) {
      first.set(id, table)
      continue
    }
    const isSame = other.declaration.id === table.declaration.id
    draft.break(
      table,
      table.site,
      isSame
        ? `two tables are called ${table.declaration.id}: the other is at ${formatSite(other.site)}`
        : `${table.declaration.id} differs from ${other.declaration.id} at ${formatSite(other.site)} by letter case alone`,
      'rename one of them',
    )
  }
}

function checkBronzeColumns(draft: LakeDraft, table: TableDraft, { columns }: BronzeDeclaration): void {
  for (const name of Object.keys(columns ?? {})) {
    const reason = reservedColumn(name, 'bronze')
    if (reason === undefined) continue
    draft.break(table, table.site, `the column ${name} is reserved: ${reason}`, 'rename the column')
  }
  checkColumnNames(draft, table, Object.keys(columns ?? {}))
}

/** Names that SQL engines could not tell from others, letter case being nothing to them, or could not write. */
export function checkColumnNames(draft: LakeDraft, table: TableDraft, names: readonly string[]): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    if (!isColumnName(name)) {
      const cause = `${table.declaration.id} has a column called ${JSON.stringify(name)}, which no engine can write`
      draft.break(
        table,
        table.query?.site ?? table.site,
        cause,
        'give it a name that has characters, and NUL not among them',
      )
    }
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) {
      const cause =
        other === name
          ? `${table.declaration.id} has two columns called ${name}`
          : `the columns ${other} and ${name} of ${table.declaration.id} differ by letter case alone`
      draft.break(table, table.query?.site ?? table.site, cause, 'give one of them another name')
    }
    seen.set(name.toLowerCase(), name)
  }
}

function checkKeyOptions(draft: LakeDraft, table: TableDraft): void {
  const { declaration, site } = table
  if (declaration.kind === 'bronze') return
  const { id, key, orderBy, deleteWhen } = declaration
  if (key.length > 0 && orderBy === undefined) {
    draft.add(
      site,
      `${id} has a key and no orderBy: which row of a key holds is not said`,
      "add orderBy, such as orderBy: '_ingested_at'",
    )
  }
  if (key.length === 0 && orderBy !== undefined) {
    draft.add(
      site,
      `${id} has orderBy and no key: it would order nothing`,
      'add the key, or leave orderBy out',
    )
  }
  if (key.length === 0 && deleteWhen) {
    draft.add(
      site,
      `${id} has deleteWhen and no key: it would delete nothing`,
      'add key and orderBy, or filter in the query',
    )
  }
}
