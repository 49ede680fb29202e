import type { EventDefinition, RetentionClass } from '../events/catalogue/define-event.ts'
import { retentionMs } from './event-retention.ts'
import { DAY_MS } from '../std/day.ts'

/** Partitions of a new topic of events where the configuration says nothing else. */
export const DEFAULT_PARTITIONS = 10

/** A topic as the catalogue wants it. */
export interface EventTopic {
  readonly name: string
  /** That of its events; the longest, should `KAFKA_TOPIC` be the topic of events of another class as well. */
  readonly retention: RetentionClass
  /** The fields that the keys of its records are taken from. */
  readonly keys: readonly string[]
}

/** A setting that does not keep what is promised for the records of the topic. */
export interface SettingFault {
  readonly setting: 'cleanup.policy' | 'retention.ms' | 'retention.bytes'
  readonly now: string
  readonly wanted: string
  /** What is set in the same request, so that the change itself deletes nothing. */
  readonly beside: Readonly<Record<string, string>>
}

/** The topic of an event or of a consumer. */
export function topicOf({ topic }: { readonly topic?: string }, defaultTopic: string): string {
  return topic ?? defaultTopic
}

/** The topics that the events of a catalogue are published to; those that name none, to `defaultTopic`. */
export function eventTopics(events: readonly EventDefinition[], defaultTopic: string): readonly EventTopic[] {
  return [...new Set(events.map((event) => topicOf(event, defaultTopic)))].map((name) => {
    const own = events.filter((event) => topicOf(event, defaultTopic) === name)
    const found = new Set(own.map(({ retention }) => retention))
    return {
      name,
      retention: longestFirst.find((retention) => found.has(retention)) ?? 'domain',
      keys: [...new Set(own.map(({ key }) => key))],
    }
  })
}

const longestFirst: readonly RetentionClass[] = ['audit', 'analytics', 'domain']

/**
 * What a topic is created with that keeps each of its records for so long; a negative number keeps them forever.
 * https://kafka.apache.org/documentation/#topicconfigs
 */
export function topicSettings(keptMs: number): Readonly<Record<SettingFault['setting'], string>> {
  return { 'cleanup.policy': 'delete', 'retention.ms': String(keptMs), 'retention.bytes': '-1' }
}

/**
 * The settings of a topic by which records go earlier than after `keptMs`. Longer retention is none: nothing that the catalogue promises is
 * lost by it.
 */
export function settingFaults(keptMs: number, config: ReadonlyMap<string, string>): readonly SettingFault[] {
  const wanted = topicSettings(keptMs)
  const faults: SettingFault[] = []
  const policy = config.get('cleanup.policy') ?? 'delete'
  // https://kafka.apache.org/documentation/#compaction: the last record of each key remains.
  if (policy.split(',').includes('compact')) {
    const beside = deletes(config) ? {} : { 'retention.ms': '-1', 'retention.bytes': '-1' }
    faults.push({ setting: 'cleanup.policy', now: policy, wanted: wanted['cleanup.policy'], beside })
  }
  const now = keptFor(config)
  if (now >= 0 && (keptMs < 0 || now < keptMs))
    faults.push({ setting: 'retention.ms', now: String(now), wanted: wanted['retention.ms'], beside: {} })
  const bytes = config.get('retention.bytes') ?? '-1'
  if (deletes(config) && Number(bytes) >= 0)
    faults.push({ setting: 'retention.bytes', now: bytes, wanted: wanted['retention.bytes'], beside: {} })
  return faults
}

/**
 * How long a topic keeps its records as far as their age decides, in milliseconds; negative: forever. The limits `retention.ms` and
 * `retention.bytes` have no effect unless `cleanup.policy` names `delete`.
 */
export function keptFor(config: ReadonlyMap<string, string>): number {
  return deletes(config) ? Number(config.get('retention.ms') ?? -1) : -1
}

function deletes(config: ReadonlyMap<string, string>): boolean {
  return (config.get('cleanup.policy') ?? 'delete').split(',').includes('delete')
}

/** How a topic contradicts the catalogue, a clause for each way; none when it keeps what the catalogue promises. */
export function contradictions({ retention, keys }: EventTopic, config: ReadonlyMap<string, string>): readonly string[] {
  return settingFaults(retentionMs[retention], config).map(({ setting, now, wanted }) => {
    if (setting === 'cleanup.policy') return `its cleanup.policy is ${now}, which keeps only the last event of each ${keys.join(' or ')}`
    if (setting === 'retention.bytes') return `its retention.bytes is ${now}, by which events are deleted however young they are`
    return `it keeps events for ${inDays(now)}, and those of the class ${retention} are kept ${inDays(wanted) === FOREVER ? '' : 'for '}${inDays(wanted)}`
  })
}

const FOREVER = 'forever'

/** Milliseconds in words, such as `30 days` and `forever`. */
export function inDays(ms: number | string): string {
  const days = Number(ms) / DAY_MS
  if (days < 0) return FOREVER
  if (days >= 1) return `${Math.round(days * 10) / 10} ${days === 1 ? 'day' : 'days'}`
  return `${Number(ms)} ms`
}
