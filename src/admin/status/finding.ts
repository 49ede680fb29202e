/** What may be wrong, worst first; docs/guide/workerctl.md explains each. */
export const findingKinds = [
  'database-away',
  'kafka-away',
  'schema',
  'topic-missing',
  'topic-recreated',
  'data-lost',
  'no-member',
  'statement-blocked',
  'database-slow',
  'campaign-hot',
  'stalled',
  'destination-away',
  'work-abandoned',
  'dead-letter-flood',
  'intents-late',
  'falling-behind',
  'endpoint-away',
  'paused',
  'outbox-late',
  'outbox-failed',
  'recalculation-slow',
  'statement-slow',
  'mails-held',
  'intents-dead',
  'dead-letters',
] as const

export interface Finding {
  readonly kind: (typeof findingKinds)[number]
  /** What is wrong, with the cause where it is known. */
  readonly sentence: string
  /** The command that fixes it, or shows what to decide. */
  readonly command: string
}

/** A command of `workerctl` as an operator types it. */
export function workerctl(command: string): string {
  return `npm run workerctl -- ${command}`
}

/** Starts a daemon that runs only this group; `name` as in `KAFKA_GROUPS`. */
export function startOf(name: string): string {
  return `KAFKA_GROUPS=${name} npm start`
}
