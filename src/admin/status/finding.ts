/** `bad`: events or effects are lost or late, or will be soon. `warning`: the rest goes on, and somebody has to decide or should know. */
export type Severity = 'bad' | 'warning'

const bad = [
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
] as const

const warnings = [
  'endpoint-away',
  'paused',
  'outbox-late',
  'outbox-failed',
  'recalculation-slow',
  'statement-slow',
  'mails-held',
  'intents-dead',
  'dead-letters',
  'facts-unread',
] as const

/** What may be wrong, worst first, so that no warning precedes what is bad; docs/guide/workerctl.md explains each. */
export const findingKinds = [...bad, ...warnings] as const

export type FindingKind = (typeof findingKinds)[number]

/** Something that is wrong. */
export interface Problem {
  readonly kind: FindingKind
  /** What is wrong, with the cause where it is known. */
  readonly sentence: string
  /** The command that fixes it, or shows what to decide. */
  readonly command: string
}

/** A problem as every view of the status shows it. */
export interface Finding extends Problem {
  readonly severity: Severity
}

/** The problems as findings, the worst first. */
export function rankedFindings(problems: readonly Problem[]): readonly Finding[] {
  return problems
    .map(({ kind, sentence, command }) => ({ kind, severity: severityOf(kind), sentence, command }))
    .toSorted((one, other) => findingKinds.indexOf(one.kind) - findingKinds.indexOf(other.kind))
}

function severityOf(kind: FindingKind): Severity {
  return bad.some((one) => one === kind) ? 'bad' : 'warning'
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
