import type { EventTransport } from '../events/event-transport.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import { isBrokerTrouble } from '../infra/kafka/client/client-error.ts'
import type { Refusal } from './refusal.ts'

export type EventMessage = Parameters<EventTransport['send']>[1][number]

/** Who waits for an event. */
export interface Waiter {
  /** Nobody waits any more: the event is not sent again. */
  readonly isOver: boolean
  acknowledged(): void
  /** @param sentence why, with the way out */
  failed(reason: 'refused' | 'closed', sentence: string): void
}

export interface Queued {
  readonly message: EventMessage
  readonly bytes: number
  readonly waiter: Waiter
}

/** A connection to Kafka; kafka-producer.ts has it. */
export interface Appender {
  connect(): Promise<void>
  send(topic: string, messages: EventMessage[]): Promise<void>
  /** What became of a message of a send that was rejected; it is not sent again once it is acknowledged. */
  outcomeOf(message: EventMessage): string | undefined
  disconnect(): Promise<void>
}

export interface TopicQueueOptions {
  readonly topic: string
  readonly createAppender: () => Appender
  readonly refusalOf: (error: unknown) => Refusal | null
  readonly clock: Pick<Clock, 'sleep'>
}

/**
 * The events of one topic, in the order in which they were added: one request at a time, which holds what has come meanwhile, and the
 * next only once this is acknowledged or given up. Each partition acknowledges by itself. The events of the others are repeated as they were
 * until they succeed, under the sequence numbers by which the broker recognises them; so retries neither change the order nor double an event.
 * A request with other events is sent by another appender, under other sequence numbers.
 */
export class TopicQueue {
  readonly #options: TopicQueueOptions
  readonly #stop = new AbortController()
  readonly #waiting: Queued[] = []
  #sending: readonly Queued[] = []
  #working: Promise<void> | null = null
  #connection: Connection | null = null
  #trouble: string | null = null

  constructor(options: TopicQueueOptions) {
    this.#options = options
  }

  /** Why the last request failed; null after one that was acknowledged. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** Connects ahead of the first event. Rejects with what the client throws; the next call tries again. */
  async connect(): Promise<void> {
    await this.#connected()
  }

  add(events: readonly Queued[]): void {
    for (const event of events) this.#waiting.push(event)
    this.#working ??= this.#work()
  }

  /** Resolves when nothing is left to send. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working
  }

  /** Gives up what is left, and returns it; events that are being sent may be written nevertheless. */
  giveUp(): readonly Queued[] {
    this.#stop.abort()
    return [...this.#sending, ...this.#waiting.splice(0)]
  }

  /** Closes the connections; the next event opens others. */
  async disconnect(): Promise<void> {
    const connection = this.#connection
    this.#connection = null
    // The one who waits for the connection gets its error.
    connection?.ready.catch(() => undefined)
    await connection?.appender.disconnect()
  }

  async #work(): Promise<void> {
    // Events that one turn of the event loop publishes are sent together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      this.#sending = this.#next()
      await this.#deliver(this.#sending)
      this.#sending = []
    }
    this.#working = null
  }

  #next(): readonly Queued[] {
    let [count, bytes] = [0, 0]
    for (const event of this.#waiting) {
      bytes += event.bytes
      if (count === MOST_EVENTS || (count > 0 && bytes > MOST_BYTES)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #deliver(events: readonly Queued[]): Promise<void> {
    const { signal } = this.#stop
    let left = events
    for (let attempt = 1; !signal.aborted; attempt++) {
      const wanted = left.filter(({ waiter }) => !waiter.isOver)
      if (wanted.length < left.length && attempt > 1) await this.disconnect()
      if (wanted.length === 0) return
      const result = await this.#try(wanted)
      left = result.left
      if (left.length === 0) return
      const { refusal } = result
      // A topic that was created just now is not known to every broker yet.
      const isFinal = refusal !== null && (refusal.isOf !== 'topic' || attempt >= TOPIC_ATTEMPTS)
      if (isFinal) {
        await this.disconnect()
        if (refusal.isOf === 'event' && left.length > 1) for (const event of left) await this.#deliver([event])
        else for (const { waiter } of left) waiter.failed('refused', refusal.sentence)
        return
      }
      await this.#options.clock.sleep(backoff(attempt, { baseMs: 200, maxMs: 2_000 }), signal)
    }
  }

  /** Sends the events once, and settles those that are acknowledged. */
  async #try(events: readonly Queued[]): Promise<{ readonly left: readonly Queued[]; readonly refusal: Refusal | null }> {
    const { topic, refusalOf } = this.#options
    let appender: Appender | null = null
    try {
      appender = await this.#connected()
      await appender.send(
        topic,
        events.map(({ message }) => message),
      )
    } catch (error) {
      this.#trouble = messageOf(error)
      const isDone = ({ message }: Queued) => appender?.outcomeOf(message) === 'acknowledged'
      for (const { waiter } of events.filter(isDone)) waiter.acknowledged()
      // The broker does not accept its sequence numbers any more, for example.
      if (!isBrokerTrouble(error)) await this.disconnect()
      return { left: events.filter((event) => !isDone(event)), refusal: refusalOf(error) }
    }
    this.#trouble = null
    for (const { waiter } of events) waiter.acknowledged()
    return { left: [], refusal: null }
  }

  async #connected(): Promise<Appender> {
    this.#connection ??= opened(this.#options.createAppender())
    const connection = this.#connection
    try {
      await connection.ready
      return connection.appender
    } catch (error) {
      if (this.#connection === connection) await this.disconnect()
      throw error
    }
  }
}

interface Connection {
  readonly appender: Appender
  readonly ready: Promise<void>
}

function opened(appender: Appender): Connection {
  return { appender, ready: appender.connect() }
}

/** Of a request. Kafka's own limit for the events of a partition is a mebibyte. */
const MOST_EVENTS = 500
const MOST_BYTES = 512 * 1_024

const TOPIC_ATTEMPTS = 4
