import type { Intent } from '../../model/intent.ts'
import type { Prepared } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { judge, missingRow } from '../eligibility.ts'
import { forbiddenAddress, isStale, type MailRules } from '../mail-rules.ts'
import { domainNote } from '../person-mail.ts'
import { readRewards, type FoundReward, type RewardRow } from './reward-row.ts'
import { notDeliverable } from './start-condition.ts'

export interface PrepareSettings<Message> {
  readonly missingRowWaitMs: number
  readonly referralLinkTemplate: string | null
  readonly rules: MailRules
  /** The delivery method, and channel, to prepare for. */
  readonly method: 'email' | 'webhook'
  /** The message, or the reason why it has no destination. */
  message(row: FoundReward, intent: Intent, referralLinkTemplate: string | null): Message | { readonly dead: string }
}

/** Decides what to do about the rewards of a block. */
export async function prepareRewards<Message extends object>(
  intents: readonly Intent[],
  read: Sql,
  settings: PrepareSettings<Message>,
): Promise<readonly Prepared<Message>[]> {
  const rows = await readRewards(intents, read)
  return rows.flatMap((row, n) => {
    const intent = intents[n]
    return intent === undefined ? [] : [answerOf(intent, row, settings)]
  })
}

/** Final reasons come before waits: a revoked reward of a paused campaign is skipped at once. */
function answerOf<Message extends object>(intent: Intent, row: RewardRow, settings: PrepareSettings<Message>): Prepared<Message> {
  const eligibility = { ...settings, now: row.now }
  const stale = isStale(intent, settings.rules)
  if (row.user_reward_id === null) return stale ? skipStale : refuse(missingRow(intent, eligibility))
  const undeliverable = notDeliverable(row.status, row.expired)
  if (undeliverable !== null) return { is: 'skip', reason: undeliverable }
  // A delivery that has started keeps its channel, because its frozen content belongs to it.
  const method = intent.frozen === null ? row.delivery_method : settings.method
  // A reward with the method manual is listed whatever its age.
  if (stale && method !== 'manual') return skipStale
  const judged = judge(row, intent, eligibility)
  if (judged.is === 'skip') return judged
  const forbidden = method === 'email' ? forbiddenAddress(row, 'reward_delivery', settings.rules) : null
  if (forbidden !== null) return { is: 'skip', reason: forbidden }
  if (judged.is === 'wait') return judged
  if (method !== settings.method) return elsewhere(method)
  const message = settings.message(row, intent, settings.referralLinkTemplate)
  if ('dead' in message) return { is: 'dead', reason: message.dead }
  const note = method === 'email' ? domainNote(row) : null
  return note === null ? { is: 'message', message } : { is: 'message', message, note }
}

const skipStale = { is: 'skip', reason: 'stale' } as const

function refuse(judged: ReturnType<typeof missingRow>): Prepared<never> {
  return judged.is === 'go' ? { is: 'skip', reason: 'not-found' } : judged
}

function elsewhere(method: string): Prepared<never> {
  if (method === 'email' || method === 'webhook') return { is: 'channel', channel: method }
  return { is: 'skip', reason: method === 'manual' ? 'manual' : 'unknown-delivery-method' }
}
