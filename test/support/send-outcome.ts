import type { OutboxRecord, OutboxSender, Refusal } from '../../src/outbox/outbox-sender.ts'

/** A sender to a broker that takes all records of a send, refuses all of them, or does not answer. */
export function allOrNothing(
  send: (topic: string, records: readonly OutboxRecord[]) => Promise<Refusal | null>,
): Pick<OutboxSender, 'send'> {
  return {
    async send(topic, records) {
      try {
        const refusal = await send(topic, records)
        return refusal === null ? { acknowledged: records, unknown: [] } : { acknowledged: [], unknown: [], refusal }
      } catch (trouble) {
        return { acknowledged: [], unknown: records, trouble }
      }
    },
  }
}
