/** The publisher's port to the log. */
export interface EventTransport {
  /**
   * Appends the messages, those of one key in their order. Resolves when all replicas have acknowledged all of them; when it throws, some
   * may have been appended, and sending the same again is right: readers know events by their id.
   */
  send(
    topic: string,
    messages: readonly { readonly key: string; readonly value: Buffer; readonly headers: Record<string, string> }[],
  ): Promise<void>
}
