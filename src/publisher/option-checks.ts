import { correlationIdRule, isCorrelationId } from '../events/correlation.ts'
import { isLoopback } from '../std/loopback.ts'

// For callers without types, and for values that types cannot refuse. Every sentence names the option and what it takes.

/** @throws {TypeError} `options` is no object; `needs` names those that it must have */
export function requireOptions(options: unknown, call: string, needs: string): void {
  if (!isObject(options)) throw new TypeError(`${call} needs an object with ${needs}`)
}

/** @throws {TypeError} not one host:port at least */
export function requireBrokers(brokers: unknown): void {
  if (!Array.isArray(brokers) || brokers.length === 0) throw new TypeError('`brokers` must be a list of host:port, with one at least')
  const wrong = brokers.findIndex((broker) => !isHostPort(broker))
  if (wrong !== -1)
    throw new TypeError(
      `\`brokers[${wrong}]\` must be the text host:port of a broker, such as 'kafka-1.example.com:9092', the host by its name`,
    )
}

/** @throws {TypeError} not a name that a header can hold */
export function requireClientId(clientId: unknown): void {
  if (!isCorrelationId(clientId)) throw new TypeError(`\`clientId\` must name this application in ${correlationIdRule}`)
}

/** @throws {TypeError} Kafka has no topic of this name: a call would wait for one until its time is over */
export function requireTopic(topic: unknown): void {
  if (typeof topic !== 'string' || !/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/.test(topic))
    throw new TypeError('`topic` must be a topic name: letters, digits, dot, underscore and hyphen, at most 249')
}

/** @throws {TypeError} no object, or one whose password would cross a network unencrypted, or whose authorities are no text */
export function requireSchemaRegistry(registry: unknown): void {
  if (registry === undefined) return
  if (!isObject(registry)) throw new TypeError('`schemaRegistry` must be an object with a `url`; leave it out to publish in JSON')
  if (!isRegistryUrl(registry['url']))
    throw new TypeError('`schemaRegistry.url` must be an https:// URL, or an http:// one without a password, and be percent-encoded')
  const { ca } = registry
  if (ca !== undefined && (typeof ca !== 'string' || ca === ''))
    throw new TypeError('`schemaRegistry.ca` must be a text in PEM that is not empty; leave it out to trust the public authorities')
}

/** @throws {TypeError} neither a tracer nor absent */
export function requireTracer(tracer: unknown): void {
  if (tracer !== undefined && (!isObject(tracer) || typeof tracer['startSpan'] !== 'function'))
    throw new TypeError("`tracer` must be a tracer of OpenTelemetry, such as `trace.getTracer('my-service')`, or be left out")
}

/** @throws {TypeError} neither a function nor absent */
export function requireFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw new TypeError(`\`${name}\` must be a function, or be left out`)
}

/** @throws {TypeError} not a time that a timer of Node takes */
export function milliseconds(name: string, value: unknown, otherwise: number): number {
  const ms = value ?? otherwise
  if (typeof ms !== 'number' || !(ms > 0 && ms <= LONGEST_MS))
    throw new TypeError(`\`${name}\` must be a number of milliseconds above 0, and at most ${LONGEST_MS} (24 days)`)
  return ms
}

/** @throws {TypeError} not a whole number above 0 */
export function wholeNumber(name: string, value: unknown, otherwise: number): number {
  const count = value ?? otherwise
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1)
    throw new TypeError(`\`${name}\` must be a whole number above 0, and at most ${Number.MAX_SAFE_INTEGER}`)
  return count
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A longer timer fires at once (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const LONGEST_MS = 2_147_483_647

/** kafkajs takes what stands before the first colon for the host. */
function isHostPort(broker: unknown): boolean {
  const port = typeof broker === 'string' ? /^[^:[\]\s/@]+:(\d{1,5})$/.exec(broker)?.[1] : undefined
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535
}

/** One by which no password crosses a network unencrypted. */
function isRegistryUrl(text: unknown): boolean {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, username, password, hostname } = new URL(text)
  if (!isPercentEncoded(`${username}:${password}`)) return false
  return protocol === 'https:' || (protocol === 'http:' && (username === '' || isLoopback(hostname)))
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    // The only error here is a malformed escape.
    return false
  }
}
