import type { Log } from './log.ts'

/** The configuration that is announced at startup. */
export interface StartupFacts {
  /** Of the groups that name none. */
  readonly topic: string
  readonly brokers: readonly string[]
  /** Workers per group, unless the group says otherwise. */
  readonly poolSize: number
  /** Mail is restricted to some addresses (`MAIL_ALLOWED_RECIPIENTS`). */
  readonly mailRestricted: boolean
  readonly groups: readonly { readonly name: string; readonly types: readonly string[]; readonly topic: string; readonly workers: number }[]
}

/** The configuration as readable text, without a trailing line break. */
export function startupBlock(facts: StartupFacts): string {
  const groups = facts.groups.map(({ name, types, topic, workers }) => {
    const from = topic === facts.topic ? '' : `; from ${topic}`
    const other = workers === facts.poolSize ? '' : `; ${workers} ${workers === 1 ? 'worker' : 'workers'}`
    return `    * ${name} (processes: ${types.join(', ')}${from}${other})`
  })
  return [
    'Kafka event consumer server configuration:',
    `  - Domain events topic: ${facts.topic}`,
    `  - Kafka brokers: [${facts.brokers.join(', ')}]`,
    `  - Worker pool size: ${facts.poolSize} per consumer`,
    ...(facts.mailRestricted ? ['  - Mail goes only to addresses that match MAIL_ALLOWED_RECIPIENTS'] : []),
    '  - Consumer groups:',
    ...groups,
  ].join('\n')
}

/** Logs one structured line, preceded by the readable block on a terminal. */
export function announceStart(facts: StartupFacts, log: Log, output: { readonly isTTY?: boolean; write(text: string): unknown }): void {
  if (output.isTTY) output.write(`${startupBlock(facts)}\n`)
  const { topic, brokers, poolSize, mailRestricted, groups } = facts
  log.info({ topic, brokers, poolSize, mailRestricted, groups }, 'starting')
}
