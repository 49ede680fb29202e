import { workerctl, type Problem } from './finding.ts'
import type { StatusFacts } from './status-facts.ts'

/** Dead letters of a group in an hour that are a flood. */
const FLOOD = 50
/** Kinds of failure that a sentence names. */
const MOST_NAMED = 3

/** Open dead letters of the last hour, and intents that ended dead in the last day and were not retried. */
export function findFailedWork({ deadLetters, deadIntents }: Pick<StatusFacts, 'deadLetters' | 'deadIntents'>): readonly Problem[] {
  const findings: Problem[] = []
  const recent = deadLetters.filter(({ hour }) => hour > 0)
  for (const [group, alike] of Map.groupBy(recent, (one) => one.group)) {
    const { count, last, named, reason } = summary(
      alike.map((one) => ({ count: one.hour, last: one.last, reason: one.reason, name: `${one.reason}, type ${one.type ?? 'unknown'}` })),
    )
    findings.push({
      kind: count >= FLOOD ? 'dead-letter-flood' : 'dead-letters',
      sentence: `${count} dead ${count === 1 ? 'letter' : 'letters'} of ${group} in the last hour: ${named}, last at ${last.toISOString()}.`,
      command: workerctl(`dlq groups --group ${group}${reason === null ? '' : ` --reason ${reason}`}`),
    })
  }
  for (const [group, alike] of Map.groupBy(deadIntents, (one) => one.group)) {
    const { count, last, named, reason } = summary(
      alike.map((one) => ({ count: one.count, last: one.last, reason: one.reason, name: `${one.kind} (${one.reason ?? 'no reason'})` })),
    )
    findings.push({
      kind: 'intents-dead',
      sentence: `${count} ${count === 1 ? 'intent' : 'intents'} of ${group} ended dead in the last 24 hours: ${named}, last at ${last.toISOString()}.`,
      command: workerctl(`intents list --group ${group} --state dead${reason === null ? '' : ` --reason ${reason}`}`),
    })
  }
  return findings
}

interface Alike {
  readonly count: number
  readonly last: Date
  readonly reason: string | null
  readonly name: string
}

/** In total, and by name: the most frequent kinds, with their counts where there are several. `reason`: that of all of them. */
function summary(alike: readonly Alike[]): Omit<Alike, 'name'> & { readonly named: string } {
  const sorted = alike.toSorted((one, other) => other.count - one.count)
  const names = sorted.slice(0, MOST_NAMED).map(({ name, count }) => (sorted.length === 1 ? name : `${count} ${name}`))
  const more = sorted.length - names.length
  const reasons = new Set(alike.map(({ reason }) => reason))
  return {
    count: alike.reduce((sum, one) => sum + one.count, 0),
    last: new Date(Math.max(...alike.map(({ last }) => last.getTime()))),
    named: `${names.join('; ')}${more === 0 ? '' : `; and ${more} more ${more === 1 ? 'kind' : 'kinds'}`}`,
    reason: reasons.size === 1 ? (alike[0]?.reason ?? null) : null,
  }
}
