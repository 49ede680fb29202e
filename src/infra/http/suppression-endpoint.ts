import type { IncomingMessage, ServerResponse } from 'node:http'
import { createBearerGuard } from './bearer-guard.ts'
import { MOST_BODY_BYTES, objectOf, readBody, refuse } from './small-request.ts'

export interface SuppressionEndpointOptions {
  /** What the bearer must show. */
  readonly token: string
  /** Records that an address unsubscribed from an account's mails. Idempotent. `unknown-account`: there is no such account. */
  readonly unsubscribe: (of: { readonly accountId: string; readonly address: string }) => Promise<'recorded' | 'unknown-account'>
}

/** Responds to one request; never rejects. */
export type SuppressionEndpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * `POST /suppressions` with `{"account_id", "address", "reason": "unsubscribed"}`, for a platform that does not write
 * `worker.suppressions` itself. 204 when it is on record. No response repeats anything of the request.
 */
export function createSuppressionEndpoint({ token, unsubscribe }: SuppressionEndpointOptions): SuppressionEndpoint {
  const guard = createBearerGuard(token)
  return async (request, response) => {
    if (request.method !== 'POST') return refuse(response, 405, 'Only POST is allowed.', { allow: 'POST' })
    if (!guard(request.headers.authorization)) {
      return refuse(response, 401, 'The Authorization header must be "Bearer" and the HTTP_TOKEN.', { 'www-authenticate': 'Bearer' })
    }
    try {
      const body = await readBody(request)
      if (body === null) return refuse(response, 413, `The body may have at most ${MOST_BODY_BYTES} bytes.`)
      const command = parse(body)
      if ('wrong' in command) return refuse(response, 400, command.wrong)
      const result = await unsubscribe(command)
      if (result === 'unknown-account') return refuse(response, 404, 'There is no account with this account_id.')
      response.writeHead(204, { 'cache-control': 'no-store' }).end()
    } catch {
      // The client has gone, or the database: in neither case is anything on record that was not requested.
      refuse(response, 503, 'Not recorded, because the database does not answer; try again.', { 'retry-after': '5' })
    }
  }
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function parse(body: string): { readonly accountId: string; readonly address: string } | { readonly wrong: string } {
  const value = objectOf(body)
  if (value === null) return { wrong: 'The body must be one JSON object, {"account_id":"...","address":"...","reason":"unsubscribed"}.' }
  const { account_id: accountId, address, reason } = value
  if (typeof accountId !== 'string' || !uuid.test(accountId)) return { wrong: 'account_id must be the UUID of an account.' }
  // Only a rough check: the address that the platform has on record counts.
  const plain = typeof address === 'string' ? address.trim() : ''
  if (!/^[^\s\p{Cc}]+@[^\s\p{Cc}@]+$/u.test(plain) || plain.length > 320) return { wrong: 'address must be one plain mail address.' }
  if (reason !== 'unsubscribed') return { wrong: 'reason must be "unsubscribed".' }
  return { accountId, address: plain }
}
