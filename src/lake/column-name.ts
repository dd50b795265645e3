/** Whether SQL has a way to write a column's name. */
export function isColumnName(name: string): boolean {
  return name !== '' && !name.includes('\0')
}
