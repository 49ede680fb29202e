/** The port through which the publisher writes to Kafka. */
export interface EventTransport {
  /**
   * Appends the messages, keeping the order within each key. Resolves when all replicas have acknowledged all messages. When it throws,
   * some may have been appended; sending them again is safe, because consumers deduplicate by event id.
   */
  send(topic: string, messages: readonly EventRecord[]): Promise<void>
  /**
   * What is sent in place of the record, where the form is not JSON; done for all of a list before any of it is sent.
   *
   * @throws {InvalidEvent} that form cannot hold the event
   */
  encode?(record: EventRecord): EventRecord
}

/** An event as it goes to the log. */
export interface EventRecord {
  readonly key: string
  readonly value: Buffer
  readonly headers: Record<string, string>
}

/**
 * Hands a list over topic by topic, all within this call: what is sent later stands behind it in every topic, and no topic waits for another.
 * Rejects with the first error; the events of other topics may be on their way then.
 */
export async function sendByTopic(
  transport: EventTransport,
  messages: readonly (EventRecord & { readonly topic: string })[],
): Promise<void> {
  const records = messages.map((message) => ({ topic: message.topic, record: transport.encode?.(message) ?? message }))
  // Not by Map.groupBy: the package runs on Node 20.
  const topics = [...new Set(messages.map(({ topic }) => topic))]
  await Promise.all(
    topics.map((to) =>
      transport.send(
        to,
        records.filter(({ topic }) => topic === to).map(({ record }) => record),
      ),
    ),
  )
}
