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
