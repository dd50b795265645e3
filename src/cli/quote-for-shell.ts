/** An argument as it can be pasted into a command line; what a shell would take as it is stays as it is. */
export function quoteForShell(argument: string): string {
  if (/^[\w./@:-]+$/.test(argument)) return argument
  // Within double quotes a shell would still put in variables and the output of commands.
  return /[$`"\\!]/.test(argument) ? `'${argument.replaceAll("'", `'\\''`)}'` : `"${argument}"`
}
