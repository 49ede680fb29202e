import type { MailRelay } from '../delivery/email/mail-relay.ts'
import type { HealthCheck } from '../infra/http/health-server.ts'
import type { Clock } from '../std/clock.ts'
import type { Fact } from '../model/fact.ts'
import { asSentence } from '../std/failure.ts'

/** A dependency that is unavailable. */
export interface Outage {
  readonly reason: string
  /** What is wrong and the way out, without credentials and URL paths. */
  readonly message: string
  readonly since: string
  readonly seconds: number
  readonly host: string | null
}

export interface EndpointOutage extends Omit<Outage, 'host' | 'message'> {
  readonly endpoint: string
}

export interface Dependencies {
  onFact(fact: Fact): void
  relay(): Outage | null
  /** Endpoints whose breaker is open, longest outage first. */
  endpoints(): readonly EndpointOutage[]
  /** Checks for /readyz that never make the process unready: other work continues, and intents for these destinations stay queued. */
  notes(): Readonly<Record<string, HealthCheck>>
}

interface Open {
  readonly reason: string
  /** By the monotonic clock. */
  readonly since: number
}

/** Tracks open breakers and since when. Durations are measured by the monotonic clock and converted to wall-clock times for display. */
export function createDependencies(of: { readonly relay: Pick<MailRelay, 'host' | 'away'> | null; readonly clock: Clock }): Dependencies {
  const openBreakers = new Map<string, Open>()
  let mailBreaker: Open | null = null

  function onFact(fact: Fact): void {
    if (fact.is !== 'breaker' || fact.state === 'half-open') return
    const before = fact.channel === 'email' ? mailBreaker : (openBreakers.get(fact.destination) ?? null)
    const now = fact.state === 'closed' ? null : { reason: fact.reason ?? 'unavailable', since: before?.since ?? of.clock.monotonic() }
    if (fact.channel === 'email') mailBreaker = now
    else if (now === null) openBreakers.delete(fact.destination)
    else openBreakers.set(fact.destination, now)
  }

  function dated(ms: number): { readonly since: string; readonly seconds: number } {
    return { since: timeAgo(of.clock, ms), seconds: Math.round(ms / 1_000) }
  }

  function relay(): Outage | null {
    if (of.relay === null) return null
    const { host } = of.relay
    const away = of.relay.away()
    if (away !== null) return { reason: away.reason, message: asSentence(away.sentence), ...dated(away.forMs), host }
    if (mailBreaker === null) return null
    const message = `The SMTP relay at ${host} accepted none of the last mails (${mailBreaker.reason}); its own log says why. It is probed with one mail at a time.`
    return { reason: mailBreaker.reason, message, ...dated(of.clock.monotonic() - mailBreaker.since), host }
  }

  function endpoints(): readonly EndpointOutage[] {
    return [...openBreakers]
      .toSorted(([, one], [, other]) => one.since - other.since)
      .map(([endpoint, { reason, since }]) => ({ endpoint, reason, ...dated(of.clock.monotonic() - since) }))
  }

  function notes(): Record<string, HealthCheck> {
    const away = relay()
    const [longest, ...others] = endpoints()
    const more = others.length === 0 ? '' : ` and ${others.length} more`
    return {
      ...(away && { relay: { ok: true, reason: away.reason, message: away.message, since: away.since } }),
      ...(longest && {
        endpoints: {
          ok: true,
          reason: 'breaker-open',
          message: `Breaker open for endpoint ${longest.endpoint}${more}: rewards are delivered once the endpoint answers; /status lists all.`,
          since: longest.since,
        },
      }),
    }
  }

  return { onFact, relay, endpoints, notes }
}

/** The wall-clock time `ms` milliseconds ago. */
export function timeAgo(clock: Clock, ms: number): string {
  return new Date(clock.now() - ms).toISOString()
}
