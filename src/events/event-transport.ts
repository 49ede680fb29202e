/** The port through which the publisher writes to Kafka. */
export interface EventTransport {
  /**
   * Appends the messages, keeping the order within each key. Resolves when all replicas have acknowledged all messages. When it throws,
   * some may have been appended; sending them again is safe, because consumers deduplicate by event id.
   */
  send(
    topic: string,
    messages: readonly { readonly key: string; readonly value: Buffer; readonly headers: Record<string, string> }[],
  ): Promise<void>
}

/**
 * Hands a list over topic by topic, all within this call: what is sent later stands behind it in every topic, and no topic waits for another.
 * Rejects with the first error; the events of other topics may be on their way then.
 */
export async function sendByTopic(
  transport: EventTransport,
  messages: readonly (Parameters<EventTransport['send']>[1][number] & { readonly topic: string })[],
): Promise<void> {
  // Not by Map.groupBy: the package runs on Node 20.
  const topics = [...new Set(messages.map(({ topic }) => topic))]
  await Promise.all(
    topics.map((to) =>
      transport.send(
        to,
        messages.filter(({ topic }) => topic === to),
      ),
    ),
  )
}
