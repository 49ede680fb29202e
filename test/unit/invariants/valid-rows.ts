import type { Entry, Group, Row } from '../../invariants/history.ts'
import {
  T,
  groups,
  email,
  position,
  reward,
  campaign,
  person,
  address,
  grant,
  eventId,
  events,
  CONFLICT,
  BAD_RECORD,
  isRead,
  code,
} from './valid-log.ts'

export function deadLettersOf(group: Group): Row[] {
  return [CONFLICT, BAD_RECORD]
    .filter((offset) => isRead(group, offset))
    .map((offset) => deadLetter(group.id, offset, offset === CONFLICT ? 'id-conflict' : 'not-json'))
}

/** The mails that go out; the verification mail went out twice, and its row says that it was in doubt. */
export const mails: readonly (readonly [offset: number, type: string, to: number, shown?: number])[] = [
  [0, 'welcome', 1],
  [1, 'verification', 1],
  [1, 'verification', 1],
  [3, 'position_update', 4, 3],
  [4, 'reward_earned', 1],
  [5, 'reward_earned', 2],
  [5, 'reward_delivery', 2],
  [6, 'milestone', 1],
  [6, 'milestone', 2],
]

export const outcome = (group: string, offset: number, at: number, effects: readonly string[]): Row => ({
  is: 'row',
  table: 'outcomes',
  row: {
    group_name: group,
    event_id: eventId(offset),
    type: events[offset]?.[0] ?? '',
    topic: 'domain-events',
    partition: 0,
    offset: String(offset),
    outcome: 'accepted',
    effects,
    at: T + at,
    recovered: false,
  },
})

export const mailKey = (offset: number, type: string, to: number) => `mail:${eventId(offset)}:${type}:${person(to)}`

export const intent = (group: string, key: string, state: string, more: object = {}): Row => ({
  is: 'row',
  table: 'intents',
  row: {
    group_name: group,
    kind: 'mail',
    channel: 'email',
    key,
    coalesce: false,
    class: 'live',
    event_id: /f{8}[0-9-]+/.exec(key)?.[0] ?? null,
    campaign_id: campaign,
    user_id: person(1),
    state,
    reason: null,
    claims: 2,
    attempt: 1,
    ambiguous: 0,
    envelope: state === 'sent' || state === 'delivered' ? {} : null,
    created_at: T + 500,
    finished_at: T + 690,
    ...more,
  },
})

export const row = (table: Row['table'], values: Row['row']): Row => ({ is: 'row', table, row: values })

/** What the events that stand for themselves make, by group and offset; groups that are not named make nothing. */
const effects: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  [email]: {
    0: mailKey(0, 'welcome', 1),
    1: mailKey(1, 'verification', 1),
    3: mailKey(3, 'position_update', 4),
    4: mailKey(4, 'reward_earned', 1),
    5: mailKey(5, 'reward_earned', 2),
    6: `broadcast:${eventId(6)}`,
    10: mailKey(10, 'welcome', 5),
  },
  [position]: { 3: `recalculate:${campaign}` },
  [reward]: { 4: `reward:${grant(1)}`, 5: `reward:${grant(2)}` },
}
/** When each of these events is accepted, by offset. */
export const acceptedAt = new Map([0, 1, 2, 3, 4, 5, 6, 10].map((offset) => [offset, 200 + 3 * offset]))

export function acceptedBy(group: Group): number[] {
  return [...acceptedAt.keys()].filter((offset) => isRead(group, offset))
}

function outcomesOf(group: Group): Row[] {
  return acceptedBy(group).map((offset) => {
    const effect = effects[group.id]?.[offset]
    return outcome(group.id, offset, acceptedAt.get(offset) ?? 0, effect === undefined ? [] : [effect])
  })
}

/** The rows of the tables in which a group counts what it accepts. */
export function countsOf(group: Group): Entry[] {
  const types = acceptedBy(group).map((offset) => events[offset]?.[0] ?? '')
  const fields: Readonly<Record<string, (type: string) => string>> = {
    campaign_id: () => campaign,
    type: (type) => type,
    day: () => '2030-01-01',
  }
  return (group.counts ?? []).flatMap(({ name, by }) =>
    [...Map.groupBy(types, (type) => by.map((field) => fields[field]?.(type) ?? '').join())].map(([place, counted]): Entry => ({
      is: 'counted',
      group: group.id,
      name,
      by: place.split(','),
      count: counted.length,
    })),
  )
}

export function rows(): Row[] {
  return [
    ...groups.flatMap((group) => [...outcomesOf(group), ...deadLettersOf(group)]),
    intent(email, mailKey(0, 'welcome', 1), 'sent'),
    intent(email, mailKey(1, 'verification', 1), 'sent', { ambiguous: 1 }),
    intent(email, mailKey(3, 'position_update', 4), 'sent'),
    intent(email, mailKey(4, 'reward_earned', 1), 'sent'),
    intent(email, mailKey(5, 'reward_earned', 2), 'sent'),
    intent(email, `broadcast:${eventId(6)}`, 'delivered', { kind: 'milestone-broadcast', channel: 'broadcast', envelope: null }),
    intent(email, mailKey(6, 'milestone', 1), 'sent'),
    intent(email, mailKey(6, 'milestone', 2), 'sent'),
    intent(email, mailKey(10, 'welcome', 5), 'skipped', { reason: 'person-removed' }),
    intent(reward, `reward:${grant(1)}`, 'delivered', {
      kind: 'reward',
      channel: 'webhook',
      event_id: eventId(4),
      attempt: 2,
      envelope: { webhookId: 'msg_1' },
    }),
    intent(reward, `reward:${grant(2)}`, 'sent', { kind: 'reward', event_id: eventId(5) }),
    ...mails.flatMap(([, type, to], index) => {
      if (mails[index - 1]?.[1] === 'verification' && type === 'verification') return []
      const known = type === 'reward_delivery' ? 'custom' : type
      return [row('email_logs', { user_id: person(to), recipient_email: address(to), type: known, status: 'sent', error_message: null })]
    }),
    row('reward_codes', { campaign_id: campaign, code, user_reward_id: grant(1) }),
    row('webhook_deliveries', {
      payload: { data: { user_reward_id: grant(1) } },
      status: 'success',
      attempt_number: 2,
      error_message: null,
    }),
    row('user_rewards', {
      id: grant(1),
      status: 'delivered',
      reward_data: { code },
      delivery_attempts: 2,
      delivered_at: T + 660,
      delivery_error: null,
    }),
    row('user_rewards', {
      id: grant(2),
      status: 'delivered',
      reward_data: {},
      delivery_attempts: 1,
      delivered_at: T + 660,
      delivery_error: null,
    }),
    // Person 4 has moved two places up, equal to person 2, who came earlier.
    ...[1, 2, 4, 3, 5].map((number, index) =>
      row('waitlist_users', { id: person(number), campaign_id: campaign, position: index + 1, ranked_score: number === 5 ? null : '1' }),
    ),
  ]
}

const deadLetter = (group: string, offset: number, reason: string): Row =>
  row('dead_letters', {
    group_name: group,
    topic: 'domain-events',
    partition: 0,
    offset: String(offset),
    event_id: null,
    reason,
    at: T + 225,
  })
