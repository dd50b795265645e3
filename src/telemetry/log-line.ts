/**
 * A JSON log line as one for a person: `12:00:01.250 info  committed table=silver.orders rows=12`, an error's stack below.
 * What is not JSON is returned as it is.
 */
export function formatLogLine(line: string): string {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line) as Record<string, unknown>
  } catch {
    return line
  }
  const { time, level, msg, err, ...fields } = entry
  const clock = String(time).slice(11, 23)
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${formatField(value)}`)
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${pairs.join('')}${formatError(err)}\n`
}

function formatField(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) && value !== '' ? value : JSON.stringify(value)
}

function formatError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { code, stack, message, hint } = error as Record<string, unknown>
  const lines = [`${code ? `${code} ` : ''}${stack ?? message}`, ...(hint ? [`hint: ${hint}`] : [])]
  return lines
    .flatMap(text => text.split('\n'))
    .map(text => `\n  ${text}`)
    .join('')
}
