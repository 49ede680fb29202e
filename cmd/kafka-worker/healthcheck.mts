import { get } from 'node:http'
import { environment } from '../../config/environment.ts'
import { readVariables, type Environment } from '../../config/read-variables.ts'

/** For all of it: a probe of a container is usually given three seconds. */
const DEADLINE_MS = 2_500
/** More than any answer of ours; whoever else listens on that port may send what he likes. */
const MOST_CHARACTERS = 65_536

const usage = 'Usage: healthcheck [--live|--ready]: asks the daemon of this machine at HTTP_PORT; --live when neither is given.'

export interface Verdict {
  readonly ok: boolean
  /** One sentence or more, a line each. */
  readonly sentences: readonly string[]
}

/**
 * `healthcheck [--live|--ready]`: asks the daemon that runs beside it with the same configuration, so that an image needs no
 * curl; prints why and resolves to the exit code, 0 or 1. It imports no client, so that it costs a probe next to nothing.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [question = '--live'] = args
  if (args.length > 1 || (question !== '--live' && question !== '--ready')) {
    process.stderr.write(`${usage}\n`)
    return 1
  }
  const { ok, sentences } = await askDaemon(environment, question === '--live' ? '/livez' : '/readyz', DEADLINE_MS)
  const output = ok ? process.stdout : process.stderr
  output.write(`${sentences.join('\n')}\n`)
  return ok ? 0 : 1
}

/** Never rejects. Only HTTP_HOST and HTTP_PORT are read of the environment: what else is wrong there is not asked here. */
export async function askDaemon(from: Environment, path: '/livez' | '/readyz', deadlineMs: number): Promise<Verdict> {
  const { values, problems } = readVariables(from)
  const wrong = problems.filter((problem) => problem.startsWith('HTTP_'))
  if (wrong.length > 0) return { ok: false, sentences: wrong }
  const { HTTP_HOST: listening, HTTP_PORT: port } = values
  if (port === 0) {
    return unwell('HTTP_PORT is 0, so the daemon took a free port that only its log tells: give HTTP_PORT a number to be asked at.')
  }
  const host = reachable(listening)
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  try {
    const { status, body } = await fetchText({ host, port, path }, deadlineMs)
    return verdictOf(status, body, path, where)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ABORT_ERR') return unwell(`The daemon at ${where} has not answered within ${deadlineMs} ms: it is overloaded or stopped.`)
    return unwell(`Nothing answers at ${where} (${code}): the daemon does not run, or not with this HTTP_HOST and HTTP_PORT.`)
  }
}

/** All interfaces are no address to ask. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function fetchText(to: { host: string; port: number; path: string }, deadlineMs: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(deadlineMs)
    const request = get({ ...to, agent: false, signal: deadline }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        body += part
        if (body.length > MOST_CHARACTERS) request.destroy(Object.assign(new Error('too long'), { code: 'too long an answer' }))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

function verdictOf(status: number, body: string, path: string, where: string): Verdict {
  const checks = checksOf(body)
  if (checks === null) return unwell(`What answers at ${where} is no daemon of ours: ${path} gave ${status} and no report.`)
  const wrong = checks.filter(({ ok }) => !ok)
  if (status === 200 && wrong.length === 0) return { ok: true, sentences: [path === '/livez' ? 'alive' : 'ready'] }
  return { ok: false, sentences: wrong.map(sentenceOf) }
}

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly reason: string
  readonly message: string
  readonly since: string
}

/** Null when it is no report of ours. */
function checksOf(body: string): readonly Check[] | null {
  const report = parsed(body)
  const checks = field(report, 'checks')
  if (typeof checks !== 'object' || checks === null || typeof field(report, 'ok') !== 'boolean') return null
  return Object.entries(checks).map(([name, check]) => ({
    name,
    ok: field(check, 'ok') === true,
    reason: text(check, 'reason'),
    message: text(check, 'message'),
    since: text(check, 'since'),
  }))
}

function sentenceOf({ name, reason, message, since }: Check): string {
  const what = message === '' ? `${name}: ${reason}` : `${name}: ${reason}: ${message}`
  return since === '' ? what : `${what} (since ${since})`
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Somebody else's answer.
    return null
  }
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? new Map<string, unknown>(Object.entries(of)).get(name) : undefined
}

function text(of: unknown, name: string): string {
  const value = field(of, name)
  return typeof value === 'string' ? value : ''
}

const unwell = (sentence: string): Verdict => ({ ok: false, sentences: [sentence] })
