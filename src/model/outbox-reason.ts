export type OutboxReason = (typeof outboxReasons)[number]

/** Why an event of the outbox is not published until an operator requeues it. */
export const outboxReasons = ['unknown-event', 'unknown-topic', 'topic-refused', 'too-large', 'record-refused'] as const
