/**
 * Kafka has not acknowledged. The message is one sentence that names the cause and the way out. Publishing the same fact again is safe,
 * because consumers deduplicate by event id.
 *
 * - `unavailable`: no acknowledgement within the time; events may have been written nevertheless.
 * - `refused`: the brokers refuse the login, the topic or the event, and would refuse it again.
 * - `closed`: the publisher was closed before the acknowledgement.
 */
export class PublisherError extends Error {
  override readonly name = 'PublisherError'
  readonly reason: 'unavailable' | 'refused' | 'closed'
  /** From the call until this error, in milliseconds. */
  readonly waitedMs: number

  constructor(reason: PublisherError['reason'], message: string, waitedMs: number) {
    super(message)
    this.reason = reason
    this.waitedMs = waitedMs
  }
}
