import { environment } from '../../config/environment.ts'
import { readVariables, type Environment } from '../../config/read-variables.ts'
import { getText } from '../../src/infra/http/get-text.ts'

/** Of the whole check: a container's probe usually has three seconds. */
const DEADLINE_MS = 2_500
/** More than any report of the daemon; another program on that port may send anything. */
const MOST_CHARACTERS = 65_536

const usage = 'Usage: healthcheck [--live|--ready]: queries the daemon on this machine at HTTP_PORT; --live by default.'

export interface Verdict {
  readonly ok: boolean
  /** At least one; one per line. */
  readonly sentences: readonly string[]
}

/**
 * `healthcheck [--live|--ready]`: queries the daemon that runs with the same configuration, so that an image needs no curl; prints
 * the result and resolves to the exit code, 0 or 1. It imports no client, so that a probe is cheap.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [probe = '--live'] = args
  if (args.length > 1 || (probe !== '--live' && probe !== '--ready')) {
    process.stderr.write(`${usage}\n`)
    return 1
  }
  const { ok, sentences } = await queryDaemon(environment, probe === '--live' ? '/livez' : '/readyz', DEADLINE_MS)
  const output = ok ? process.stdout : process.stderr
  output.write(`${sentences.join('\n')}\n`)
  return ok ? 0 : 1
}

/** Never rejects. Only HTTP_HOST and HTTP_PORT are read from the environment; other invalid variables do not matter here. */
export async function queryDaemon(from: Environment, path: '/livez' | '/readyz', deadlineMs: number): Promise<Verdict> {
  const { values, problems } = readVariables(from)
  const wrong = problems.filter((problem) => problem.startsWith('HTTP_'))
  if (wrong.length > 0) return { ok: false, sentences: wrong }
  const { HTTP_HOST: listening, HTTP_PORT: port } = values
  if (port === 0) {
    return failed('HTTP_PORT is 0, so the daemon listens on a free port that only its log names: set HTTP_PORT to a fixed port.')
  }
  const host = dialable(listening)
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  try {
    const { status, body } = await getText({ host, port, path }, { deadlineMs, mostCharacters: MOST_CHARACTERS })
    return verdictOf(status, body, path, where)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ABORT_ERR')
      return failed(`The daemon at ${where} has not answered within ${deadlineMs} ms: it is overloaded or suspended.`)
    return failed(`Nothing answers at ${where} (${code}): the daemon is not running, or uses another HTTP_HOST and HTTP_PORT.`)
  }
}

/** The wildcard address cannot be connected to. */
function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function verdictOf(status: number, body: string, path: string, where: string): Verdict {
  const checks = checksOf(body)
  if (checks === null) return failed(`Another program answers at ${where}: ${path} returned ${status} and no report of kafka-worker.`)
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

/** Null when it is not a report of the daemon. */
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
    // The response of another program.
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

const failed = (sentence: string): Verdict => ({ ok: false, sentences: [sentence] })
