import { request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { LOOPBACK } from './process-reports.ts'
import type { ProcessState } from './supervisor.ts'

/** The daemon reads at most 4 KiB; one more byte lets it refuse the rest. */
const MOST_BYTES = 4_097
/** Longer than a statement of the database. Milliseconds. */
const DEADLINE_MS = 35_000

/**
 * Gives a request to a process that listens, and its response to the client. Without one, 503: the client tries again. Never rejects.
 */
export function createForwarder(of: { processes(): readonly ProcessState[] }) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const port = of.processes().find((process) => process.port !== null)?.port ?? null
    try {
      if (port === null) throw new Error('no process listens')
      await forward(port, request, response)
    } catch {
      // The process, or the client, has gone: in neither case is anything on record that was not requested.
      if (response.headersSent) return void response.destroy()
      const body = `${JSON.stringify({ error: 'No process can take the request; try again.' })}\n`
      response.writeHead(503, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'retry-after': '5' })
      response.end(body)
    }
  }
}

/** The answer of a process to a verb, as the routes of the supervisor pass it on. */
type VerbAnswer = { readonly done: object } | { readonly refused: string; readonly status: 400 | 404 | 409 | 503 }
type ForwardedVerb = (body: Readonly<Record<string, unknown>>) => Promise<VerbAnswer>
type ForwardedVerbs = Readonly<Record<'pause' | 'resume' | 'suppress', ForwardedVerb>>

/**
 * The verbs that one process does for all, by a process that listens. Each rejects when none does: nothing was done. An answer that does not
 * come, or breaks off, is a refusal which says that the process may have done it.
 *
 * @param token the `ADMIN_TOKEN` that the processes share; undefined: their verbs are off, as those of the supervisor
 */
export function forwardedVerbs(of: {
  processes(): readonly ProcessState[]
  readonly token: string | undefined
  /** Milliseconds. Default: 35 s. */
  readonly deadlineMs?: number
}): ForwardedVerbs {
  const verb =
    (name: keyof ForwardedVerbs): ForwardedVerb =>
    async (body) => {
      const port = of.processes().find((process) => process.port !== null)?.port ?? null
      if (port === null) throw new Error('no process listens')
      try {
        const response = await fetch(`http://${LOOPBACK}:${port}/admin/${name}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${of.token ?? ''}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(of.deadlineMs ?? DEADLINE_MS),
        })
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon of this build answers with an object of JSON
        const answer = (await response.json()) as { readonly error?: string }
        if (response.status === 200) return { done: answer }
        const status = ([400, 404, 409] as const).find((each) => each === response.status) ?? 503
        return { refused: answer.error ?? 'The process did not do it; try again.', status }
      } catch (error) {
        if (isUnreached(error)) throw error
        const look = name === 'suppress' ? 'a suppression may be repeated' : 'GET /status shows the pauses'
        return { refused: `It is not known whether this was done, because the process did not answer: ${look}.`, status: 503 }
      }
    }
  return { pause: verb('pause'), resume: verb('resume'), suppress: verb('suppress') }
}

/** Whether no connection was made, so that the process cannot have seen the request. */
function isUnreached(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

async function forward(port: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request)
  const { method, url: path } = request
  const { authorization } = request.headers
  const headers = { 'content-length': body.length, ...(authorization === undefined ? {} : { authorization }) }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { host: LOOPBACK, port, agent: false, method, path, headers, signal: AbortSignal.timeout(DEADLINE_MS) }
    send(options, resolve).on('error', reject).end(body)
  })
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(Buffer.from(chunk))
  const kept = Object.entries(answer.headers).filter(([name]) => !['connection', 'keep-alive', 'date'].includes(name))
  response.writeHead(answer.statusCode ?? 502, { ...Object.fromEntries(kept), connection: 'close' }).end(Buffer.concat(chunks))
}

/** The first {@link MOST_BYTES}. Leaving an iteration early would close the connection before the response. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let body = Buffer.alloc(0)
    const take = (chunk: Buffer) => {
      body = Buffer.concat([body, chunk])
      if (body.length < MOST_BYTES) return
      request.off('data', take)
      resolve(body.subarray(0, MOST_BYTES))
    }
    request.on('data', take)
    request.once('end', () => resolve(body))
    request.once('close', () => reject(new Error('the client has gone')))
  })
}
