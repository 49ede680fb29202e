import { nestsDeeperThan } from '../../events/depth.ts'
import type { ReadValue, ValueReader } from '../../events/framed-value.ts'
import { readJson } from '../../events/read-json.ts'
import type { SchemaSource } from '../../ingest/schema-source.ts'
import type { Clock } from '../../std/clock.ts'
import type { RegisteredSchema, RegistryClient } from './registry-client.ts'

/** Schemas that are kept; the one that was not used for longest goes first. */
const KEPT = 500
/** How long it is known that the registry does not know an id. */
const UNKNOWN_MS = 60_000
/** Before the second request for an id that the registry does not know: a registry of several servers may have it in a moment. */
const SECOND_LOOK_MS = 1_000
/** Nesting of a schema, as text. */
const MAX_SCHEMA_DEPTH = 100
/** Schemas that one schema refers to, and those refer to in turn. */
const MAX_REFERENCED = 50

interface Kept {
  readonly reader: ValueReader
  /** By the monotonic clock. */
  readonly until: number
}

/** The schemas of a registry, each requested once by all groups of the process. */
export function createRegistrySchemas(client: RegistryClient, clock: Pick<Clock, 'monotonic' | 'sleep'>): SchemaSource {
  const kept = new Map<number, Kept>()
  const underWay = new Map<number, Promise<ValueReader>>()

  function cached(id: number): ValueReader | null {
    const found = kept.get(id)
    if (found === undefined || found.until < clock.monotonic()) return null
    kept.delete(id)
    kept.set(id, found)
    return found.reader
  }

  async function load(id: number): Promise<ValueReader> {
    const registered = (await client.schema(id)) ?? (await secondLook(id))
    const reader = registered === null ? unknown(id) : await readerOf(id, registered, client)
    kept.delete(id)
    kept.set(id, { reader, until: registered === null ? clock.monotonic() + UNKNOWN_MS : Infinity })
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
    return reader
  }

  async function secondLook(id: number): Promise<RegisteredSchema | null> {
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

async function readerOf(id: number, { type, text, references }: RegisteredSchema, client: RegistryClient): Promise<ValueReader> {
  // The catalogue says what is valid, whatever the writer's schema allows.
  if (type === 'JSON') return readJson
  if (type !== 'AVRO')
    return unreadable(`schema ${id} is ${/^[A-Z]{1,20}$/.test(type) ? type : 'of another kind'}, and only AVRO and JSON are read`)
  const referenced = await textsOf(references, client)
  if (referenced === null) return unreadable(`schema ${id} refers to too many schemas, or to one that the registry does not know`)
  if ([...referenced, text].some((one) => nestsDeeperThan(Buffer.from(one), MAX_SCHEMA_DEPTH)))
    return unreadable(`schema ${id} nests deeper than ${MAX_SCHEMA_DEPTH}`)
  const { avroReader } = await import('./avro-reader.ts')
  try {
    return avroReader(
      JSON.parse(text),
      referenced.map((one): unknown => JSON.parse(one)),
    )
  } catch {
    // avsc quotes the schema.
    return unreadable(`schema ${id} is not valid Avro`)
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

function unknown(id: number): ValueReader {
  return always({ reason: 'unknown-schema', detail: `the schema registry does not know schema ${id}` })
}

function unreadable(detail: string): ValueReader {
  return always({ reason: 'unreadable-schema', detail })
}

function always(read: ReadValue): ValueReader {
  return () => read
}
