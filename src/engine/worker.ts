// The program of a worker process: runs the statements that arrive over the IPC channel, one after another.
import { rmSync } from 'node:fs'
import { DuckdbSession } from './duckdb-session.ts'
import { mapRows } from './map-rows.ts'
import { StatementFailure } from './statement-failure.ts'
import type { StatementResponse, WorkerRequest, WorkerResponse, WorkerSettings } from './worker-protocol.ts'

type StatementRequest = Extract<WorkerRequest, { type: 'query' | 'map' | 'useS3' }>

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
let session = await DuckdbSession.open(settings)
let runningId = 0
let interruptedId = 0
let queue: Promise<void> = Promise.resolve()

process.on('message', (request: WorkerRequest) => {
  if (request.type === 'interrupt') interrupt(request.id)
  // A rejection is a defect or a database that does not open: unhandled, it ends the worker, which the program reports.
  else queue = queue.then(() => (request.type === 'endSession' ? renewSession() : answer(request)))
})

// The program is gone or closes the engine. An orderly exit would wait for DuckDB's threads, which may be busy for long.
process.on('disconnect', () => {
  rmSync(settings.tempFolder, { recursive: true, force: true })
  process.kill(process.pid, 'SIGKILL')
})

// A terminal sends Ctrl-C to every process of the group, a service manager SIGTERM: the program decides when workers end.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

send({ type: 'ready' })

function interrupt(id: number): void {
  interruptedId = id
  if (runningId === id) session.interrupt()
}

async function renewSession(): Promise<void> {
  session.close()
  session = await DuckdbSession.open(settings)
  send({ type: 'ready' })
}

async function answer(request: StatementRequest): Promise<void> {
  session.begin()
  runningId = request.id
  try {
    if (interruptedId === request.id) throw StatementFailure.interrupted()
    send(await run(request))
  } catch (error) {
    const { failure } = error instanceof StatementFailure ? error : StatementFailure.fromDuckdb(error)
    send({ type: 'failed', id: request.id, failure })
  } finally {
    runningId = 0
  }
}

async function run(request: StatementRequest): Promise<StatementResponse> {
  const { id } = request
  if (request.type === 'map') return { type: 'mapped', id, ...(await mapRows(session, request.task)) }
  if (request.type === 'useS3') {
    await session.useS3(request.scope, request.access)
    return { type: 'result', id, columns: [] }
  }
  const { columns, batches } = await session.stream(request.sql)
  let rowCount = 0
  for await (const rows of batches) {
    rowCount += rows.length
    if (rowCount > request.rowsMax)
      throw new StatementFailure({ type: 'tooManyRows', rowsMax: request.rowsMax })
    await sendRows({ type: 'rows', rows })
  }
  return { type: 'result', id, columns }
}

/** Resolves when the program has taken the message off this process's hands, so that rows do not pile up here. */
function sendRows(response: WorkerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(response, undefined, undefined, error => (error ? reject(error) : resolve()))
  })
}

function send(response: WorkerResponse): void {
  // A program that has gone meanwhile wants no answer: 'disconnect' ends this process.
  process.send?.(response, undefined, undefined, () => undefined)
}
