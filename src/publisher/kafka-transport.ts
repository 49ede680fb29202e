import type { EventTransport } from '../events/event-transport.ts'
import { header } from '../events/header.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import { withinDeadline } from '../std/within-deadline.ts'
import { PublisherError } from './publisher-error.ts'
import type { Refusal } from './refusal.ts'
import { TopicQueue, type Appender, type EventMessage, type Queued, type Waiter } from './topic-queue.ts'

/** An event of a fire-and-forget publisher that is not published. */
export interface DroppedEvent {
  readonly eventId: string
  readonly type: string
  /** `full`: too many events wait for Kafka. `refused`: the brokers refuse it. `closed`: the publisher was closed before it was sent. */
  readonly reason: 'full' | 'refused' | 'closed'
  /** A sentence with the way out; it holds no data of the event. */
  readonly detail: string
}

export interface TransportOptions {
  readonly brokers: readonly string[]
  readonly mode: 'guaranteed' | 'fire-and-forget'
  /** How long a call of a guaranteed publisher waits for Kafka, and a connect of any. */
  readonly timeoutMs: number
  readonly closeTimeoutMs: number
  readonly maxBufferedEvents: number
  readonly maxBufferedBytes: number
  readonly onDrop: ((event: DroppedEvent) => void) | undefined
  readonly createAppender: () => Appender
  readonly refusalOf: (error: unknown, topic: string) => Refusal | null
  /** Why no connection can be made; null while there is one. */
  readonly networkFault: () => string | null
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
}

/** The transport of the package: a queue for each topic, and what becomes of a call whose events Kafka does not take. */
export class KafkaTransport implements EventTransport {
  readonly #options: TransportOptions
  readonly #queues = new Map<string, TopicQueue>()
  readonly #buffer = { events: 0, bytes: 0 }
  #dropped = 0
  #closed: Promise<void> | null = null

  constructor(options: TransportOptions) {
    this.#options = options
  }

  /** Events of a fire-and-forget publisher that were not published. */
  get dropped(): number {
    return this.#dropped
  }

  /** @throws {PublisherError} no broker answers within the time, or the brokers refuse the login */
  async connect(topic: string): Promise<void> {
    const { clock, timeoutMs, brokers, refusalOf } = this.#options
    const queue = this.#queueOf(topic)
    const startedAt = clock.monotonic()
    const waited = () => clock.monotonic() - startedAt
    for (;;) {
      const result = await outcomeWithin(timeoutMs - waited(), queue.connect())
      if (result.is === 'done') return
      const refusal = result.is === 'failed' ? refusalOf(result.error, topic) : null
      if (refusal !== null) throw new PublisherError('refused', refusal.sentence, waited())
      await clock.sleep(Math.min(RETRY_MS, Math.max(timeoutMs - waited(), 0)))
      if (result.is === 'failed' && waited() < timeoutMs) continue
      const cause = result.is === 'failed' ? messageOf(result.error) : (this.#options.networkFault() ?? 'no answer')
      const sentence = `no Kafka broker answers at ${brokers.join(', ')}, waited ${seconds(waited())} (${cause}): start Kafka there, or correct \`brokers\``
      await queue.disconnect()
      throw new PublisherError('unavailable', sentence, waited())
    }
  }

  send(topic: string, messages: readonly EventMessage[]): Promise<void> {
    if (this.#options.mode === 'guaranteed') return this.#acknowledged(topic, messages)
    for (const message of messages) this.#buffered(topic, message)
    return Promise.resolve()
  }

  /** Waits until everything is sent, at most `closeTimeoutMs`, and gives up the rest. One promise for every caller. */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    const queues = [...this.#queues.values()]
    await withinDeadline(this.#options.closeTimeoutMs, Promise.all(queues.map((queue) => queue.idle())))
    for (const { waiter } of queues.flatMap((queue) => queue.giveUp()))
      waiter.failed(
        'closed',
        `the publisher was closed before Kafka acknowledged it, ${seconds(this.#options.closeTimeoutMs)} after close()`,
      )
    await Promise.all(queues.map((queue) => queue.disconnect()))
  }

  #queueOf(topic: string): TopicQueue {
    const { createAppender, refusalOf, clock } = this.#options
    const queue = this.#queues.get(topic) ?? new TopicQueue({ topic, createAppender, refusalOf: (error) => refusalOf(error, topic), clock })
    this.#queues.set(topic, queue)
    return queue
  }

  #acknowledged(topic: string, messages: readonly EventMessage[]): Promise<void> {
    const { brokers, timeoutMs, clock } = this.#options
    if (this.#closed !== null) return Promise.reject(new PublisherError('closed', 'the publisher is closed', 0))
    const queue = this.#queueOf(topic)
    const startedAt = clock.monotonic()
    return new Promise((resolve, reject) => {
      let left = messages.length
      let isOver = false
      const end = (error?: PublisherError) => {
        if (isOver) return
        isOver = true
        clearTimeout(timer)
        if (error === undefined) resolve()
        else reject(error)
      }
      const failed = (reason: PublisherError['reason'], sentence: string) =>
        end(new PublisherError(reason, sentence, clock.monotonic() - startedAt))
      const timer = setTimeout(() => {
        const what = messages.length === 1 ? typeOf(messages[0]) : `${messages.length} events`
        const cause = queue.trouble ?? this.#options.networkFault() ?? 'no answer'
        failed(
          'unavailable',
          `Kafka at ${brokers.join(', ')} has not acknowledged ${what} within ${seconds(clock.monotonic() - startedAt)} (${cause}): ` +
            'it may have been written; publish it again, which is safe',
        )
      }, timeoutMs)
      const waiter: Waiter = {
        get isOver() {
          return isOver
        },
        acknowledged: () => {
          left -= 1
          if (left === 0) end()
        },
        failed,
      }
      queue.add(messages.map((message) => ({ message, bytes: bytesOf(message), waiter })))
    })
  }

  #buffered(topic: string, message: EventMessage): void {
    const { maxBufferedEvents, maxBufferedBytes } = this.#options
    const bytes = bytesOf(message)
    if (this.#closed !== null) {
      this.#drop(message, 'closed', 'the publisher is closed')
      return
    }
    if (this.#buffer.events + 1 > maxBufferedEvents || this.#buffer.bytes + bytes > maxBufferedBytes) {
      const trouble = this.#queueOf(topic).trouble ?? this.#options.networkFault()
      const cause = trouble === null ? '' : ` (${trouble})`
      this.#drop(message, 'full', `${this.#buffer.events} events of ${this.#buffer.bytes} bytes wait for Kafka${cause}`)
      return
    }
    this.#buffer.events += 1
    this.#buffer.bytes += bytes
    this.#queueOf(topic).add([this.#queued(message, bytes)])
  }

  #queued(message: EventMessage, bytes: number): Queued {
    let isOver = false
    const end = () => {
      if (isOver) return false
      isOver = true
      this.#buffer.events -= 1
      this.#buffer.bytes -= bytes
      return true
    }
    const waiter: Waiter = {
      get isOver() {
        return isOver
      },
      acknowledged: end,
      failed: (reason, sentence) => {
        if (end()) this.#drop(message, reason, sentence)
      },
    }
    return { message, bytes, waiter }
  }

  #drop(message: EventMessage, reason: DroppedEvent['reason'], detail: string): void {
    this.#dropped += 1
    try {
      this.#options.onDrop?.({ eventId: message.headers[header.id] ?? '', type: typeOf(message), reason, detail })
    } catch (error) {
      // An error of the callback is the application's; the other events go on.
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
}

const RETRY_MS = 250

type Outcome = { readonly is: 'done' } | { readonly is: 'failed'; readonly error: unknown } | { readonly is: 'late' }

async function outcomeWithin(ms: number, promise: Promise<unknown>): Promise<Outcome> {
  let outcome: Outcome = { is: 'late' }
  const settled = promise.then(
    () => (outcome = { is: 'done' }),
    (error: unknown) => (outcome = { is: 'failed', error }),
  )
  await withinDeadline(ms, settled)
  return outcome
}

function typeOf(message: EventMessage | undefined): string {
  return message?.headers[header.type] ?? 'an event'
}

/** Of key, value and headers, and about what the objects around them take. */
function bytesOf({ key, value, headers }: EventMessage): number {
  const texts = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length, 0)
  return OVERHEAD + key.length + value.length + texts
}

const OVERHEAD = 300

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
