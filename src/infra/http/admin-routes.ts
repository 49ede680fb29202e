import type { IncomingMessage, ServerResponse } from 'node:http'
import { isLoopback } from '../../std/loopback.ts'
import { createBearerGuard } from './bearer-guard.ts'
import { MOST_BODY_BYTES, objectOf, readBody, refuse, reply } from './small-request.ts'

/** The answer of a verb: 200 and an object, or a refusal with its sentence. */
export type AdminAnswer = { readonly done: object } | { readonly refused: string; readonly status: 400 | 404 | 409 | 503 }

/** Seconds. */
const RETRY = { 'retry-after': '5' }

/** Does what the path says; `body` is the object of the request, `{}` without one. Rejects when the database does not answer. */
export type AdminVerb = (body: { readonly [key: string]: unknown }) => Promise<AdminAnswer>

export interface AdminRoutesOptions {
  /** What the bearer must show; undefined: every verb is refused. */
  readonly token: string | undefined
  /** `loopback`: only connections from this machine; `public`: whatever the port admits. */
  readonly access: 'loopback' | 'public'
  /** By the name behind `/admin/`, such as `quiet`; more verbs plug in here. */
  readonly verbs: Readonly<Record<string, AdminVerb>>
  /** Called with the name of a verb that rejected: the client is answered with 503, without the error. */
  readonly onFailed: (verb: string, error: unknown) => void
}

export interface AdminRoutes {
  /** Responds to one request; never rejects. */
  (request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Those that are served; empty where the verbs are off. */
  readonly paths: readonly string[]
}

/**
 * `POST /admin/<verb>`, guarded in this order: a token is configured, the connection comes from where it may, the token is shown. Only then the
 * verb and the body are looked at. Nothing of the request is repeated but a word that nothing has, by the verbs.
 */
export function createAdminRoutes({ token, access, verbs, onFailed }: AdminRoutesOptions): AdminRoutes {
  const guard = token === undefined ? null : createBearerGuard(token)
  const names = Object.keys(verbs).map((name) => `/admin/${name}`)
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (guard === null) return refuse(response, 403, 'The admin verbs are off: set ADMIN_TOKEN and restart.')
    if (access === 'loopback' && !isFromHere(request))
      return refuse(response, 403, 'The admin verbs are served to this machine only: send the request here, or set ADMIN_ACCESS=public.')
    if (!guard(request.headers.authorization)) {
      return refuse(response, 401, 'The Authorization header must be "Bearer" and the ADMIN_TOKEN.', { 'www-authenticate': 'Bearer' })
    }
    if (request.method !== 'POST') return refuse(response, 405, 'Only POST is allowed.', { allow: 'POST' })
    const name = /^\/admin\/([a-z-]+)$/.exec(request.url?.split('?', 1)[0] ?? '')?.[1] ?? ''
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
    if (verb === undefined) return refuse(response, 404, `Not found; the admin verbs are ${names.join(', ')}.`)
    try {
      const text = await readBody(request)
      if (text === null) return refuse(response, 413, `The body may have at most ${MOST_BODY_BYTES} bytes.`)
      if (text.trim() !== '' && !isJson(request)) {
        return refuse(response, 415, 'The Content-Type must be application/json: curl sends it with --json in place of -d.')
      }
      const body = text.trim() === '' ? {} : objectOf(text)
      if (body === null) return refuse(response, 400, 'The body must be one JSON object, or empty.')
      const answer = await verb(body).catch((error: unknown) => {
        onFailed(name, error)
        throw error
      })
      if ('refused' in answer) return refuse(response, answer.status, answer.refused, answer.status === 503 ? RETRY : {})
      reply(response, 200, answer.done)
    } catch {
      refuse(response, 503, 'Not done, because a server that it needs does not answer; try again.', RETRY)
    }
  }
  return Object.assign(answer, { paths: guard === null ? [] : names })
}

function isJson({ headers }: IncomingMessage): boolean {
  return /^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')
}

/** The verbs that change rows of the database: one process does them for all. */
export type OperatorVerbs = Readonly<Record<'pause' | 'resume' | 'suppress', AdminVerb>>

/** The verbs that do what SIGTSTP and SIGCONT do. They take no field: what one is meant to narrow would not be narrowed. */
export function quietVerbs(quiet: (on: boolean) => void): Readonly<Record<'quiet' | 'unquiet', AdminVerb>> {
  const verb =
    (on: boolean): AdminVerb =>
    async (body) => {
      if (Object.keys(body).length > 0) {
        return { refused: `/admin/${on ? 'quiet' : 'unquiet'} takes no fields, and nothing was done: send it without a body.`, status: 400 }
      }
      quiet(on)
      return { done: { quiet: on } }
    }
  return { quiet: verb(true), unquiet: verb(false) }
}

/** By the address of the connection, never by a header, which anyone can send. */
function isFromHere({ socket }: IncomingMessage): boolean {
  // A socket of IPv6 shows connections of IPv4 in this form.
  return isLoopback((socket.remoteAddress ?? '').replace(/^::ffff:/, ''))
}
