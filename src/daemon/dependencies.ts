import type { MailRelay } from '../delivery/email/mail-relay.ts'
import type { HealthCheck } from '../infra/http/health-server.ts'
import { asSentence } from '../std/as-sentence.ts'
import type { Clock } from '../std/clock.ts'
import type { Fact } from '../model/fact.ts'

/** What this process needs and cannot use now. */
export interface Away {
  readonly reason: string
  /** For people: what is wrong and the way out; neither credentials nor the path of a URL. */
  readonly message: string
  readonly since: string
  readonly seconds: number
  readonly host: string | null
}

export interface EndpointAway extends Omit<Away, 'host' | 'message'> {
  readonly endpoint: string
}

export interface Dependencies {
  hear(fact: Fact): void
  relay(): Away | null
  /** Endpoints whose breaker is open, the longest first. */
  endpoints(): readonly EndpointAway[]
  /** For the body of /readyz. Never a reason to be unready: the rest goes on, and what waits for them is in the database. */
  notes(): Readonly<Record<string, HealthCheck>>
}

interface Open {
  readonly reason: string
  /** By the monotonic clock. */
  readonly since: number
}

/** Remembers which breakers are open and since when. Durations are of the monotonic clock; the wall clock only says when that was. */
export function createDependencies(of: { readonly relay: Pick<MailRelay, 'host' | 'away'> | null; readonly clock: Clock }): Dependencies {
  const open = new Map<string, Open>()
  let mails: Open | null = null

  function hear(fact: Fact): void {
    if (fact.is !== 'breaker' || fact.state === 'half-open') return
    const before = fact.channel === 'email' ? mails : (open.get(fact.destination) ?? null)
    const now = fact.state === 'closed' ? null : { reason: fact.reason ?? 'unavailable', since: before?.since ?? of.clock.monotonic() }
    if (fact.channel === 'email') mails = now
    else if (now === null) open.delete(fact.destination)
    else open.set(fact.destination, now)
  }

  function dated(ms: number): { readonly since: string; readonly seconds: number } {
    return { since: timeAgo(of.clock, ms), seconds: Math.round(ms / 1_000) }
  }

  function relay(): Away | null {
    if (of.relay === null) return null
    const { host } = of.relay
    const away = of.relay.away()
    if (away !== null) return { reason: away.reason, message: asSentence(away.sentence), ...dated(away.forMs), host }
    if (mails === null) return null
    const message = `The SMTP relay at ${host} has taken none of the last mails (${mails.reason}); its own log says why. One mail at a time asks whether it is back.`
    return { reason: mails.reason, message, ...dated(of.clock.monotonic() - mails.since), host }
  }

  function endpoints(): readonly EndpointAway[] {
    return [...open]
      .toSorted(([, one], [, other]) => one.since - other.since)
      .map(([endpoint, { reason, since }]) => ({ endpoint, reason, ...dated(of.clock.monotonic() - since) }))
  }

  function notes(): Record<string, HealthCheck> {
    const away = relay()
    const [longest, ...others] = endpoints()
    const more = others.length === 0 ? '' : ` and those of ${others.length} more are`
    return {
      ...(away && { relay: { ok: true, reason: away.reason, message: away.message, since: away.since } }),
      ...(longest && {
        endpoints: {
          ok: true,
          reason: 'breaker-open',
          message: `The breaker of endpoint ${longest.endpoint}${more || ' is'} open: their rewards wait and go out when they answer; /status lists them.`,
          since: longest.since,
        },
      }),
    }
  }

  return { hear, relay, endpoints, notes }
}

/** What was by the monotonic clock, as people date it. */
export function timeAgo(clock: Clock, ms: number): string {
  return new Date(clock.now() - ms).toISOString()
}
