import { nestsDeeperThan } from '../../events/depth.ts'
import type { ReadValue, ValueReader } from '../../events/framed-value.ts'
import { readJson } from '../../events/read-json.ts'
import type { SchemaSource } from '../../ingest/schema-source.ts'
import type { Clock } from '../../std/clock.ts'
import { MOST_CHARACTERS, SchemaTooLong, type RegisteredSchema, type RegistryClient } from './registry-client.ts'

/**
 * An id beyond is no schema's: registries declare it as a signed number of 32 bits, and answer a request for another like one for a path that
 * they do not have, which says nothing about a schema (https://jakarta.ee/specifications/restful-ws/3.1/jakarta-restful-ws-spec-3.1).
 */
const MOST_ID = 0x7fff_ffff
/** Schemas that are kept; the one that was not used for longest goes first. */
const KEPT = 500
/** How long it is known that the registry does not know an id, or a schema that another refers to. */
const UNKNOWN_MS = 60_000
/** Before the second request for an id that the registry does not know: a registry of several servers may have it in a moment. */
const SECOND_LOOK_MS = 1_000
/** Unknown ids of a minute beyond which no second request is made: these are bytes of something else, and each would take a second. */
const SECOND_LOOKS = 50
/** Nesting of a schema, as text. */
const MAX_SCHEMA_DEPTH = 100
/** Schemas that one schema refers to, and those refer to in turn. */
const MAX_REFERENCED = 50

interface Found {
  readonly reader: ValueReader
  /** The registry has given everything, and what an id stands for never changes. */
  readonly isWhole: boolean
}

/** The schemas of a registry, each requested once by all groups of the process. */
export function createRegistrySchemas(client: RegistryClient, clock: Pick<Clock, 'monotonic' | 'sleep'>): SchemaSource {
  const kept = new Map<number, ValueReader>()
  /** What the registry does not know, the oldest first. Apart, so that it displaces no schema. */
  const unknown = new Map<number, { readonly reader: ValueReader; readonly until: number }>()
  const underWay = new Map<number, Promise<ValueReader>>()

  function cached(id: number): ValueReader | null {
    forgetUnknown()
    const found = kept.get(id)
    return found === undefined ? (unknown.get(id)?.reader ?? null) : keep(id, found)
  }

  function forgetUnknown(): void {
    for (const [id, { until }] of unknown) {
      if (until >= clock.monotonic() && unknown.size <= KEPT) break
      unknown.delete(id)
    }
  }

  function keep(id: number, reader: ValueReader): ValueReader {
    kept.delete(id)
    kept.set(id, reader)
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
    return reader
  }

  /**
   * Goes on when nobody waits for it any more, so that the next call finds it. Ends, because each request has a deadline and one schema takes
   * two of them at most, and one for each of {@link MAX_REFERENCED} others.
   */
  async function load(id: number): Promise<ValueReader> {
    if (id > MOST_ID) return unknownSchema(id)
    const found = await find(id)
    if (found.isWhole) return keep(id, found.reader)
    unknown.set(id, { reader: found.reader, until: clock.monotonic() + UNKNOWN_MS })
    return found.reader
  }

  async function find(id: number): Promise<Found> {
    try {
      const registered = (await client.schema(id)) ?? (await secondLook(id))
      return registered === null ? missing(unknownSchema(id)) : await readerOf(id, registered, client)
    } catch (error) {
      if (!(error instanceof SchemaTooLong)) throw error
      return whole(unreadable(`schema ${id}, or one that it refers to, has more than ${MOST_CHARACTERS} characters`))
    }
  }

  async function secondLook(id: number): Promise<RegisteredSchema | null> {
    if (unknown.size >= SECOND_LOOKS) return null
    await clock.sleep(SECOND_LOOK_MS)
    return client.schema(id)
  }

  return {
    async reader(id, signal) {
      const known = cached(id)
      if (known !== null) return known
      const asked = underWay.get(id) ?? load(id).finally(() => underWay.delete(id))
      underWay.set(id, asked)
      return untilAborted(asked, signal)
    },
  }
}

/** Others may wait for the same promise, so it goes on. */
function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Error('the assignment has ended'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

async function readerOf(id: number, { type, text, references }: RegisteredSchema, client: RegistryClient): Promise<Found> {
  // The catalogue says what is valid, whatever the writer's schema allows.
  if (type === 'JSON') return whole(readJson)
  if (type !== 'AVRO')
    return whole(unreadable(`schema ${id} is ${/^[A-Z]{1,20}$/.test(type) ? type : 'of another kind'}, and only AVRO and JSON are read`))
  const referenced = await textsOf(references, client)
  if (referenced === null) return missing(unreadable(`schema ${id} refers to too many schemas, or to one that the registry does not know`))
  if ([...referenced, text].some((one) => nestsDeeperThan(Buffer.from(one), MAX_SCHEMA_DEPTH)))
    return whole(unreadable(`schema ${id} nests deeper than ${MAX_SCHEMA_DEPTH}`))
  const { avroReader } = await import('./avro-reader.ts')
  try {
    const reader = avroReader(
      JSON.parse(text),
      referenced.map((one): unknown => JSON.parse(one)),
    )
    return whole(reader)
  } catch {
    // avsc quotes the schema.
    return whole(unreadable(`schema ${id} is not valid Avro`))
  }
}

/** Of all schemas that are referred to, each before those that refer to it; null where there are too many, or one is missing. */
async function textsOf(
  references: RegisteredSchema['references'],
  client: RegistryClient,
  found = new Map<string, string>(),
): Promise<readonly string[] | null> {
  for (const { subject, version } of references) {
    const key = `${version} ${subject}`
    if (found.has(key)) continue
    if (found.size >= MAX_REFERENCED) return null
    const registered = await client.version(subject, version)
    if (registered === null) return null
    // Held while those that it needs go before it, so that a circle ends.
    found.set(key, registered.text)
    if ((await textsOf(registered.references, client, found)) === null) return null
    found.delete(key)
    found.set(key, registered.text)
  }
  return [...found.values()]
}

function whole(reader: ValueReader): Found {
  return { reader, isWhole: true }
}

function missing(reader: ValueReader): Found {
  return { reader, isWhole: false }
}

function unknownSchema(id: number): ValueReader {
  return always({ reason: 'unknown-schema', detail: `the schema registry does not know schema ${id}` })
}

function unreadable(detail: string): ValueReader {
  return always({ reason: 'unreadable-schema', detail })
}

function always(read: ReadValue): ValueReader {
  return () => read
}
