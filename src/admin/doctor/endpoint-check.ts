import type { Finding, Seen } from './check.ts'

/** How a connection to an endpoint went. `refused`: null, or why there was none; never with the rest of the URL. */
export interface EndpointFacts {
  /** Scheme, host and port. */
  readonly origin: string
  readonly refused: 'address-refused' | 'url-refused' | 'unresolved' | 'tls-failed' | 'no-connection' | 'no-answer' | null
}

/** The port that connects to endpoints through the guard of addresses, and sends no request. */
export interface EndpointProbe {
  probe(urls: readonly string[], signal: AbortSignal): Promise<readonly EndpointFacts[]>
}

/** How long the probe of an endpoint waits; milliseconds. */
export const ENDPOINT_ANSWER_MS = 5_000

/** Origins that are tried at most. */
export const MOST_ENDPOINTS = 5

/**
 * Whether this machine gets out to endpoints. A single endpoint that is away is its owner's matter, so it is a warning; when no endpoint can be
 * reached, our own way out is the suspect.
 */
export function endpointsSeen(facts: readonly EndpointFacts[], origins: number): Seen {
  if (facts.length === 0) return { sentence: 'No webhook is active: nothing was tried.', findings: [] }
  const tried = `Tried to resolve and connect to ${facts.length} of ${origins} ${origins === 1 ? 'origin' : 'origins'} of active webhooks, without sending a request`
  const away = facts.filter(({ refused }) => refused !== null)
  // Refused by us and not by the network.
  const blocked = away.filter(({ refused }) => refused !== 'address-refused' && refused !== 'url-refused')
  const isAll = blocked.length === facts.length && facts.length > 1
  const findings = away.map(({ origin, refused }): Finding => {
    const [what, fix] = reasons[refused ?? 'no-connection']
    return {
      is: isAll ? 'failed' : 'warning',
      sentence: `${origin} ${what}.`,
      fix: isAll ? `let this machine resolve names and connect outwards, or ${fix}` : fix,
    }
  })
  return { sentence: `${tried}: ${facts.length - away.length} reached.`, findings }
}

const reasons: Readonly<Record<NonNullable<EndpointFacts['refused']>, readonly [what: string, fix: string]>> = {
  'address-refused': [
    'has an address that is not public, which the worker refuses',
    'correct the webhook, or allow the network by WEBHOOK_ALLOW_CIDR',
  ],
  'url-refused': [
    'is no URL that the worker sends to (http or https, no user or password, no port of another service)',
    'correct the webhook',
  ],
  unresolved: ['does not resolve', 'correct the webhook, or the DNS settings of this machine'],
  'tls-failed': ['shows a certificate that cannot be verified', 'have its owner renew the certificate'],
  'no-connection': ['accepts no connection', 'have its owner start it, or open the way to it'],
  'no-answer': [`does not answer within ${ENDPOINT_ANSWER_MS / 1_000} s`, 'have its owner start it, or open the way to it'],
}
