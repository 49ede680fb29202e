import { asSentence } from '../std/failure.ts'
import { instantOf } from '../std/instant.ts'
import type { Consumer } from '../model/consumer.ts'
import type { IntentLine } from './intents/intent-admin.ts'
import type { OperatorGroup } from './operator-group.ts'

/** What one group has on record about an event. */
export interface EventRecord {
  readonly group: string
  readonly outcome: string
  readonly type: string
  readonly partition: number
  readonly offset: string
  readonly at: Date
  /** Of its dead letter, when it is one. */
  readonly reason: string | null
}

/** A row of `user_rewards` with what its reward says about delivery. */
export interface RewardRecord {
  readonly id: string
  readonly status: string
  readonly userId: string
  readonly deliveryMethod: string
  readonly attempts: number
  readonly error: string | null
  readonly deliveredAt: Date | null
  readonly expiresAt: Date | null
}

/** What became of an event, group by group. */
export function explainEvent(
  groups: readonly (OperatorGroup & Pick<Consumer, 'types'> & { readonly projects?: boolean })[],
  records: readonly EventRecord[],
  intents: readonly IntentLine[],
): readonly string[] {
  const type = records[0]?.type
  return groups.flatMap(({ id, types, projects = false }) => {
    const record = records.find(({ group }) => group === id)
    if (record === undefined) return [absent(id, type !== undefined && !handles(types, type))]
    const theirs = intents.filter(({ group }) => group === id)
    return [
      `${id} read it (${record.type}) from partition ${record.partition}, offset ${record.offset}, at ${record.at.toISOString()}: ${projects && record.outcome === 'accepted' ? "the group's own rows include it" : (outcomeWords[record.outcome] ?? record.outcome)}${record.reason === null ? '' : ` (${record.reason})`}.`,
      ...theirs.map((intent) => `  ${intentSentence(intent)}`),
      ...(record.outcome === 'accepted' && theirs.length === 0 && !projects
        ? ['  No intent of it is on record: recalculations are deleted once they are done.']
        : []),
    ]
  })
}

/** What became of a reward: its row, then what was done about it. */
export function explainReward(id: string, reward: RewardRecord | null, intents: readonly IntentLine[]): readonly string[] {
  if (reward === null) return [`There is no row ${id} in user_rewards: nothing is delivered without one.`, ...intents.map(intentSentence)]
  const { status, deliveryMethod, attempts, error, deliveredAt, expiresAt } = reward
  return [
    `Reward ${id} of person ${reward.userId} is ${status}${deliveredAt === null ? '' : ` since ${deliveredAt.toISOString()}`}, to be delivered by ` +
      `${deliveryMethod}${expiresAt === null ? '' : `, until ${expiresAt.toISOString()}`}; ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} so far.`,
    ...(deliveryMethod === 'manual' ? ['It is not delivered automatically: rewards with the method manual are delivered by hand.'] : []),
    ...(error === null ? [] : [`Error of the last attempt: ${error}`]),
    ...(intents.length === 0
      ? ['No reward.earned event is on record: it was never published, has not been read yet (offsets show), or is older than DEDUPE_DAYS.']
      : intents.map(intentSentence)),
  ]
}

/** What was done, or is to be done, for a person. */
export function explainPerson(userId: string, intents: readonly IntentLine[]): readonly string[] {
  if (intents.length > 0) return intents.map(intentSentence)
  return [
    `No intent names person ${userId}: no event about this person was read in the last DEDUPE_DAYS, the person's data was erased, or milestones did ` +
      `not include the person (not verified by then, no consent, suppressed).`,
  ]
}

/** One intent in a sentence. */
export function intentSentence(intent: IntentLine): string {
  const what = `${intent.kind}${intent.type === null ? '' : ` ${intent.type}`} by ${intent.channel}`
  const who = intent.userId === null ? '' : ` for person ${intent.userId}`
  const why = intent.reason === null ? '' : ` (${intent.reason})`
  return `${intent.group} ${intent.id}, ${what}${who}: ${intent.state}${why}${when(intent)}.${awaySentence(intent)}`
}

/** The destination that blocks the intent, with a leading space; empty when none does. */
export function awaySentence({ away }: Pick<IntentLine, 'away'>): string {
  if (away === null) return ''
  const found = `${away.reason === null ? '' : ` (${away.reason})`}, its breaker is open since ${instantOf(away.since).toISOString()}`
  const { destination, deliveries } = away.names
  if (away.sole) return ` The ${destination} accepts no ${deliveries}${found}: /status of the daemon says what to fix.`
  const where = away.host === null ? '' : ` at ${away.host}`
  const sentence = `${destination} ${away.destination}${where} accepts no ${deliveries}${found}: its owner must fix it, and waiting ${deliveries} are delivered once it answers`
  return ` ${asSentence(sentence)}`
}

function when({ state, finishedAt, dueAt, attempt }: IntentLine): string {
  const tried = attempt === 0 ? '' : ` after ${attempt} ${attempt === 1 ? 'attempt' : 'attempts'}`
  if (finishedAt !== null) return `${tried} at ${finishedAt.toISOString()}`
  return state === 'pending' || state === 'ambiguous' ? `${tried}, due at ${dueAt.toISOString()}` : tried
}

/** The outcomes of an event in a group, in words. */
export const outcomeWords: Readonly<Record<string, string>> = {
  accepted: 'it created effects',
  'no-effect': 'there was nothing to do',
  duplicate: 'all of its effects existed already',
  'dead-letter': 'it became a dead letter',
}

function absent(group: string, unhandled: boolean): string {
  if (unhandled) return `${group} does not handle events of this type.`
  return (
    `${group} has no record of it: the group does not handle its type, has not read it yet (offsets show) or could not parse the record (dlq list), ` +
    `or the event was never published or is older than DEDUPE_DAYS.`
  )
}

function handles(types: readonly string[], type: string): boolean {
  return types.some((known) => known === type || (known.endsWith('.*') && type.startsWith(known.slice(0, -1))))
}
