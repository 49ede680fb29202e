import type { Blocked } from '../admin/lag/lag-report.ts'
import type { DestinationClient } from '../delivery/channel.ts'
import type { ChannelDefinitions, Channels } from '../delivery/define-channel.ts'
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
  readonly channel: string
  readonly endpoint: string
}

export interface Dependencies {
  onFact(fact: Fact): void
  /** The only destination of each channel that has one, by its name; null while it accepts deliveries, as far as is known. */
  soles(): Readonly<Record<string, Outage | null>>
  /** What waits of these channels, the first whose only destination is unavailable; null when none is. */
  blocked(channels: readonly string[]): Blocked | null
  /** Destinations of their own whose breaker is open, longest outage first. */
  endpoints(): readonly EndpointOutage[]
  /** The sentence about one of them, once it is known where it is. */
  endpointSentence(outage: EndpointOutage, host: string | null): string
  /** Checks for /readyz that never make the process unready: other work continues, and intents for these destinations stay queued. */
  notes(): Readonly<Record<string, HealthCheck>>
}

interface Open {
  readonly channel: string
  readonly destination: string
  readonly reason: string
  /** By the monotonic clock. */
  readonly since: number
}

/** A channel with an only destination. */
interface Sole {
  readonly channel: string
  readonly destination: string
  readonly names: { readonly destination: string; readonly deliveries: string }
  readonly client: DestinationClient | null
}

/** Tracks open breakers and since when. Durations are measured by the monotonic clock and converted to wall-clock times for display. */
export function createDependencies(of: {
  readonly definitions: ChannelDefinitions
  readonly channels: Channels
  readonly clock: Clock
}): Dependencies {
  const open = new Map<string, Open>()
  const names = new Map<string, Sole['names']>()
  const onlyOnes: Sole[] = []
  for (const { name: channel, destinations } of Object.values(of.definitions)) {
    if (destinations === null) continue
    names.set(channel, destinations.names)
    if (destinations.sole === null) continue
    const running = of.channels[channel]
    const client = ('client' in running ? running.client : null) ?? null
    onlyOnes.push({ channel, destination: destinations.sole, names: destinations.names, client })
  }

  function onFact(fact: Fact): void {
    if (fact.is !== 'breaker' || fact.state === 'half-open') return
    const { channel, destination } = fact
    const key = keyOf(fact)
    if (fact.state === 'closed') open.delete(key)
    else {
      const since = open.get(key)?.since ?? of.clock.monotonic()
      open.set(key, { channel, destination, reason: fact.reason ?? 'unavailable', since })
    }
  }

  function dated(ms: number): { readonly since: string; readonly seconds: number } {
    return { since: timeAgo(of.clock, ms), seconds: Math.round(ms / 1_000) }
  }

  function outageOf({ client, names: words, ...sole }: Sole): Outage | null {
    const host = client?.host ?? null
    const away = client?.away() ?? null
    if (away !== null) return { reason: away.reason, message: asSentence(away.sentence), ...dated(away.forMs), host }
    const breaker = open.get(keyOf(sole))
    if (breaker === undefined) return null
    const where = host === null ? '' : ` at ${host}`
    const message =
      `The ${words.destination}${where} accepted none of the last ${words.deliveries} (${breaker.reason}); its own log says why. ` +
      `It is probed with one delivery at a time.`
    return { reason: breaker.reason, message, ...dated(of.clock.monotonic() - breaker.since), host }
  }

  function blocked(channels: readonly string[]): Blocked | null {
    for (const sole of onlyOnes) {
      const outage = channels.includes(sole.channel) ? outageOf(sole) : null
      const { destination, deliveries } = sole.names
      if (outage !== null)
        return {
          destination: sole.destination,
          because: `the ${destination} accepts no ${deliveries}`,
          but: `${deliveries} wait: ${outage.message}`,
        }
    }
    return null
  }

  function endpoints(): readonly EndpointOutage[] {
    return [...open.values()]
      .filter((one) => !onlyOnes.some(({ channel }) => channel === one.channel))
      .toSorted((one, other) => one.since - other.since)
      .map(({ channel, destination: endpoint, reason, since }) => ({
        channel,
        endpoint,
        reason,
        ...dated(of.clock.monotonic() - since),
      }))
  }

  function endpointSentence({ channel, endpoint, reason }: EndpointOutage, host: string | null): string {
    const { destination, deliveries } = namesOf(channel)
    const where = host === null ? '' : ` at ${host}`
    const trouble = `${destination} ${endpoint}${where} accepts no ${deliveries} (${reason}) and its breaker is open: its owner must fix it`
    return `${asSentence(trouble)} Waiting ${deliveries} are delivered once it answers.`
  }

  function namesOf(channel: string): Sole['names'] {
    return names.get(channel) ?? { destination: 'destination', deliveries: 'deliveries' }
  }

  function notes(): Record<string, HealthCheck> {
    const away = Object.entries(soles()).flatMap(([name, outage]) => {
      return outage === null ? [] : [[name, { ok: true, reason: outage.reason, message: outage.message, since: outage.since }] as const]
    })
    const [longest, ...others] = endpoints()
    const more = others.length === 0 ? '' : ` and ${others.length} more`
    const { destination, deliveries } = namesOf(longest?.channel ?? '')
    return {
      ...Object.fromEntries(away),
      ...(longest && {
        endpoints: {
          ok: true,
          reason: 'breaker-open',
          message: `Breaker open for ${destination} ${longest.endpoint}${more}: ${deliveries} are delivered once the ${destination} answers; /status lists all.`,
          since: longest.since,
        },
      }),
    }
  }

  function soles(): Record<string, Outage | null> {
    return Object.fromEntries(onlyOnes.map((sole) => [sole.destination, outageOf(sole)]))
  }

  return { onFact, soles, blocked, endpoints, endpointSentence, notes }
}

function keyOf({ channel, destination }: Pick<Open, 'channel' | 'destination'>): string {
  return `${channel} ${destination}`
}

/** The wall-clock time `ms` milliseconds ago. */
export function timeAgo(clock: Clock, ms: number): string {
  return new Date(clock.now() - ms).toISOString()
}
