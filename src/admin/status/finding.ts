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
  'process-quiet',
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

/** Starts a daemon that runs only this group; `name` as in `KAFKA_GROUPS`. `beside`: others run, maybe on this machine, and have the HTTP port. */
export function startOf(name: string, { beside = false } = {}): string {
  return `KAFKA_GROUPS=${name} ${beside ? 'HTTP_PORT=0 ' : ''}npm start`
}

/** A statement as an operator runs it on the daemon's database. */
export function psql(statement: string): string {
  return `psql "$DATABASE_URL" -c '${statement}'`
}

/** So many due intents of a channel may keep a group from reading until they are done. */
export const BUSY_INTENTS = 100
