import { knownEventsOf } from '../events/catalogue/catalogue.ts'
import { decoderOf, type Decode, type Decoded } from '../events/decode.ts'
import type { WriterSchemas } from '../events/framed-value.ts'
import { header, headerTexts, typesInHeaders, type WithHeaders } from '../events/header.ts'
import type { LogRecord } from '../ingest/record-source.ts'
import { unlessAddress } from '../std/masked-address.ts'
import type { Catalogue } from './diff.ts'

/** Records with one fate, of one type, version and producer. */
export interface Fate {
  /**
   * `breaks`: the catalogue of today reads it, or skips it, and the candidate makes it a dead letter or skips it. `heals`: it is a dead letter, and the
   * candidate reads it.
   */
  readonly is: 'breaks' | 'heals'
  /** As a header or the value names it; `unknown` where neither does. */
  readonly type: string
  readonly version: string
  readonly producer: string
  /** What is in the way, or was: fields and rules, never a value. */
  readonly because: string
  readonly count: number
  /** `topic/partition/offset` of the first one. */
  readonly first: string
}

/** Reads records by two catalogues and counts those that fare differently. Holds a line for each kind of them, and one number for each dead letter. */
export class Rehearsal {
  readonly #today: Decode
  readonly #candidate: Decode
  readonly #maxBytes: number
  readonly #fates = new Map<string, { -readonly [Field in keyof Fate]: Fate[Field] }>()
  readonly #letters = new Set<string>()
  #records = 0

  /** @param maxBytes `EVENT_MAX_BYTES` */
  constructor(today: Catalogue, candidate: Catalogue, { maxBytes }: { readonly maxBytes: number }) {
    this.#today = decoderOf(knownEventsOf(today.events))
    this.#candidate = decoderOf(knownEventsOf(candidate.events))
    this.#maxBytes = maxBytes
  }

  /** A record of an event topic. @param schemas of its value, where a registry has one */
  addRecord(place: { readonly topic: string; readonly partition: number }, record: LogRecord, schemas?: WriterSchemas): void {
    this.#records += 1
    const limits = { maxBytes: this.#maxBytes }
    const [before, after] = [this.#today(record, limits, schemas), this.#candidate(record, limits, schemas)]
    if (before.is === 'fault' || after.is === 'event' || after.is === before.is) return
    this.#count(
      'breaks',
      record,
      after.is === 'fault' ? `${after.reason}: ${after.detail}` : 'not in the catalogue',
      `${place.topic}/${place.partition}/${record.offset}`,
    )
  }

  /** A record of a dead-letter topic; one that several groups gave up counts once. */
  addDeadLetter(record: LogRecord, schemas?: WriterSchemas): void {
    const reason = textOf(record, 'dlq-error-code')
    if (!decodeFaults.has(reason)) return
    const place = ['topic', 'partition', 'offset'].map((part) => textOf(record, `dlq-original-${part}`)).join('/')
    if (this.#letters.has(place)) return
    this.#letters.add(place)
    if (this.#candidate(record, { maxBytes: this.#maxBytes }, schemas).is === 'event')
      this.#count('heals', record, `${reason}: ${textOf(record, 'dlq-reason')}`, place)
  }

  /** Breaks first, the most frequent first. */
  report(): { readonly records: number; readonly deadLetters: number; readonly fates: readonly Fate[] } {
    const fates = [...this.#fates.values()].toSorted(
      (a, b) => a.is.localeCompare(b.is) || b.count - a.count || a.type.localeCompare(b.type),
    )
    return { records: this.#records, deadLetters: this.#letters.size, fates }
  }

  #count(is: Fate['is'], record: LogRecord, because: string, first: string): void {
    const value = named(record)
    const kind = { is, type: value.type, version: value.version, producer: value.producer, because }
    const key = JSON.stringify(kind)
    const known = this.#fates.get(key)
    if (known === undefined) this.#fates.set(key, { ...kind, count: 1, first })
    else known.count += 1
  }
}

/** Reasons of dead letters that another catalogue may remove. */
const decodeFaults: ReadonlySet<string> = new Set<Extract<Decoded, { is: 'fault' }>['reason']>([
  'not-an-envelope',
  'invalid-data',
  'unsupported-version',
])

/** What a record says of itself, by its headers and else by its value, in whatever form it comes. */
function named(record: LogRecord): { readonly type: string; readonly version: string; readonly producer: string } {
  const value = parsed(record)
  const metadata = fieldsOf(value['metadata'])
  return {
    type: firstOf(typesInHeaders(record)[0], value['type']),
    version: firstOf(textOf(record, header.version), textOf(record, 'ce_eventversion'), value['eventversion'], metadata['version']),
    producer: firstOf(textOf(record, header.producer), textOf(record, 'ce_source'), value['source']),
  }
}

/** The first that says something; a header may hold anything, even an address. */
function firstOf(...values: readonly unknown[]): string {
  for (const value of values) {
    if (typeof value === 'string' && value !== '') return unlessAddress(value)
    if (typeof value === 'number') return String(value)
  }
  return 'unknown'
}

function textOf(record: WithHeaders, name: string): string {
  return headerTexts(record, name)[0] ?? ''
}

function parsed({ value }: LogRecord): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(value?.toString('utf8') ?? ''))
  } catch {
    // It names nothing.
    return {}
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
