import type { Described } from '../../src/catalogue/asyncapi.ts'
import { changesBetween, type Catalogue, type Change } from '../../src/catalogue/diff.ts'
import { retentionMs } from '../../src/catalogue/event-retention.ts'
import { topicOf } from '../../src/catalogue/event-topics.ts'
import type { EventDefinition } from '../../src/events/catalogue/define-event.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import { DAY_MS } from '../../src/std/day.ts'

/** Of the repository. */
export interface SourceText {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** What the site is made of. */
export interface SiteInput extends Omit<Described, 'consumers'> {
  readonly consumers: readonly Consumer[]
  /** In their order. */
  readonly releases: readonly Catalogue[]
  /** Of each event, by its type. */
  readonly sources: ReadonlyMap<string, SourceText>
}

/** An event with what follows from the rest of the catalogue. */
export interface ListedEvent {
  readonly event: EventDefinition
  /** The first part of its type. */
  readonly domain: string
  readonly topic: string
  readonly readers: readonly Consumer[]
  readonly source: SourceText | null
  /** Deprecated events that it takes the place of. */
  readonly replaces: readonly string[]
}

/** A release with what it changed; the first adds everything. */
export interface Release {
  readonly version: string
  /** The catalogue as it is, which is not that of the last release. */
  readonly isAhead: boolean
  readonly changes: readonly Change[]
}

export interface SiteModel {
  readonly version: string
  readonly defaultTopic: string
  readonly events: readonly ListedEvent[]
  readonly consumers: readonly Consumer[]
  /** Newest first. */
  readonly releases: readonly Release[]
}

export function siteModel({ version, events, consumers, defaultTopic, releases, sources }: SiteInput): SiteModel {
  const types = events.map(({ type }) => type)
  return {
    version,
    defaultTopic,
    events: events.map((event) => ({
      event,
      domain: event.type.split('.')[0] ?? event.type,
      topic: topicOf(event, defaultTopic),
      readers: consumers.filter(
        (one) => topicOf(one, defaultTopic) === topicOf(event, defaultTopic) && createTypeFilter(one.types, types).handles(event.type),
      ),
      source: sources.get(event.type) ?? null,
      replaces: events.filter(({ deprecated }) => deprecated?.successor === event.type).map(({ type }) => type),
    })),
    consumers,
    releases: releasesOf({ version, events }, releases),
  }
}

function releasesOf(current: Catalogue, released: readonly Catalogue[]): readonly Release[] {
  const nothing: Catalogue = { version: '', events: [] }
  const found = released.map((release, index): Release => ({
    version: release.version,
    isAhead: false,
    changes: changesBetween(released[index - 1] ?? nothing, release),
  }))
  const ahead = changesBetween(released.at(-1) ?? nothing, current)
  return [...found, ...(ahead.length === 0 ? [] : [{ version: current.version, isAhead: true, changes: ahead }])].toReversed()
}

/** By domain, in the order of the catalogue. */
export function byDomain(events: readonly ListedEvent[]): ReadonlyMap<string, readonly ListedEvent[]> {
  return Map.groupBy(events, ({ domain }) => domain)
}

/** By the team that owns them. */
export function byTeam(events: readonly ListedEvent[]): ReadonlyMap<string, readonly ListedEvent[]> {
  return Map.groupBy(events, ({ event }) => event.owner.team)
}

/** How long a topic keeps an event. */
export function retentionInWords({ retention }: Pick<EventDefinition, 'retention'>): string {
  const ms = retentionMs[retention]
  return ms < 0 ? 'forever' : `${ms / DAY_MS} days`
}

/** Such as `1 event`. */
export function counted(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}
