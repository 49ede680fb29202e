import { messageOf } from '../../../std/failure.ts'
import { isLoopback } from '../../../std/loopback.ts'
import { TokenError, type Token } from './token-cache.ts'

/** A client of an authorization server that logs in as itself. */
export interface OAuthClient {
  readonly tokenUrl: string
  readonly id: string
  readonly secret: string
  readonly scope?: string | undefined
}

/** The longest wait for an answer: less than the 10 s that kafkajs has for a login. */
const DEADLINE_MS = 8_000

/** What a sentence asks to correct, in words for every program: the daemon names its settings instead. */
export const CREDENTIALS = "the client's id, secret and scope"
export const TOKEN_URL = 'the URL of the token endpoint'

/**
 * Requests a token by the client credentials grant, the credentials in an Authorization header
 * (https://www.rfc-editor.org/rfc/rfc6749#section-4.4, #section-2.3.1).
 *
 * @throws {TokenError} refused when the server rejects the client (4xx), unavailable for all else. No message holds the secret or the answer.
 */
export async function requestClientToken({ tokenUrl, id, secret, scope }: OAuthClient): Promise<Token> {
  const { protocol, hostname, origin, pathname, username, password } = new URL(tokenUrl)
  const server = `The token endpoint ${origin}${pathname}`
  if (username !== '' || password !== '')
    throw new TokenError('TOKEN_REFUSED', `${server} is given with a login in its URL: give the client's id and secret by themselves`)
  if (protocol !== 'https:' && !isLoopback(hostname))
    throw new TokenError('TOKEN_REFUSED', `${server} would get the client's secret unencrypted: give an https:// URL`)
  const response = await answerOf(server, tokenUrl, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${formEncoded(id)}:${formEncoded(secret)}`)}`, accept: 'application/json' },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
    // A redirect would carry the secret elsewhere.
    redirect: 'error',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (response.status === 429 || response.status >= 500) {
    throw new TokenError('TOKEN_UNAVAILABLE', `${server} fails (HTTP ${response.status}): check its health`)
  }
  if (!response.ok) {
    throw new TokenError(
      'TOKEN_REFUSED',
      `${server} refuses our client (HTTP ${response.status}${codeOf(response.body)}): correct ${CREDENTIALS}`,
    )
  }
  const { access_token: value, expires_in: seconds } = fieldsOf(response.body)
  if (typeof value !== 'string' || !BEARER.test(value)) {
    throw new TokenError('TOKEN_REFUSED', `${server} answers without an access_token: correct ${TOKEN_URL}`)
  }
  return { value, validMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : null }
}

/** The characters of a bearer token (https://www.rfc-editor.org/rfc/rfc6750#section-2.1). */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/

async function answerOf(server: string, url: string, request: RequestInit): Promise<{ ok: boolean; status: number; body: string }> {
  try {
    const response = await fetch(url, request)
    return { ok: response.ok, status: response.status, body: await response.text() }
  } catch (error) {
    // fetch says "fetch failed", and why only in the cause.
    const reason = messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error)
    throw new TokenError('TOKEN_UNAVAILABLE', `${server} does not answer (${reason}): start it, or correct ${TOKEN_URL}`)
  }
}

/** The error code of a refusal (https://www.rfc-editor.org/rfc/rfc6749#section-5.2), such as `, invalid_client`; nothing else of the answer. */
function codeOf(body: string): string {
  const { error } = fieldsOf(body)
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `, ${error}` : ''
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  } catch {
    return {}
  }
}

/** As a form encodes a field, as the RFC requires before both are joined by a colon. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
