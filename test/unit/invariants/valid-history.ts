import { createHash } from 'node:crypto'
import { knownGroups } from '../../../src/consumers/registry.ts'
import { handles } from '../../invariants/expected-effects.ts'
import type { Change, Entry, EntryOf, Group, Row, Run } from '../../invariants/history.ts'
import { groupPromises } from '../../support/faults/group-promises.ts'

/**
 * A small history of a run in which everything held, written by hand: one campaign, five people, every type of event on one partition
 * of each registered group, a webhook and a mailed reward, a repeat, a conflict, a bad record, a kill and two clean stops.
 */
export function validHistory(): Entry[] {
  return [run, setting, ...changes, ...log(), ...seen(), ...processes, ...atRest()]
}

/** Everything happens some milliseconds after this. */
export const T = Date.UTC(2030, 0, 1)
const groups: readonly Group[] = groupPromises(knownGroups.groups, 'x.')
export const email = 'x.email-workers'
export const position = 'x.position-workers'
export const reward = 'x.reward-workers'
export const sha = (text: string) => createHash('sha256').update(text).digest('hex')

/** A uuid for tests: a letter of the kind and a number. */
export const id = (kind: 'a' | 'b' | 'c' | 'd' | 'e' | 'f', number: number) =>
  `${kind.repeat(8)}-0000-4000-8000-${String(number).padStart(12, '0')}`
export const campaign = id('c', 1)
export const person = (number: number) => id('a', number)
export const address = (number: number) => `person-${number}@example.org`
/** Rewards: 1 by webhook, 2 by mail; grants have the number of their reward. */
export const grant = (number: number) => id('d', number)
const code = 'CODE-1'

export const run: Run = {
  is: 'run',
  at: T,
  scenario: 'everything holds',
  seed: null,
  commit: null,
  topic: 'domain-events',
  groups,
  ambiguous: 'retry',
  graceMs: 5_000,
  positionMailMaxWaitMs: 10_000,
  recoveryMs: 60_000,
  memoryLimitMb: 400,
  markers: ['@example.org', 'secret-token'],
  drains: true,
}

const setting: EntryOf<'seed-data'> = {
  is: 'seed-data',
  campaigns: [{ id: campaign, accountId: id('f', 1), points: 2 }],
  rewards: [
    { id: id('b', 1), campaignId: campaign, method: 'webhook', hasEndpoint: true, hasCode: true },
    { id: id('b', 2), campaignId: campaign, method: 'email', hasEndpoint: false, hasCode: false },
  ],
}

const change = (at: number, what: Change['change']): Change => ({ is: 'change', from: T + at - 1, at: T + at, change: what })
const changes: readonly Change[] = [
  ...[1, 2, 3, 4, 5].map((number) =>
    change(number, {
      is: 'join',
      userId: person(number),
      campaignId: campaign,
      email: address(number),
      originalPosition: number,
      createdAt: T - 1_000 + number,
      consent: number <= 3,
      verifiedAt: null,
    }),
  ),
  ...[1, 2, 4].map((number) => change(10 + number, { is: 'verify', userId: person(number), verifiedAt: T + 10 + number })),
  change(20, { is: 'confirm', referralId: id('e', 1), referrerId: person(4), referredId: person(1) }),
  change(21, { is: 'grant', userRewardId: grant(1), userId: person(1), rewardId: id('b', 1) }),
  change(22, { is: 'grant', userRewardId: grant(2), userId: person(2), rewardId: id('b', 2) }),
  change(23, { is: 'leave', userId: person(5) }),
]

/** Event ids by offset: each is `id('f', 100 + offset)`, but for the repeat at 7 (of 0) and the conflict at 8 (with 0). */
export const eventId = (offset: number) => id('f', 100 + (offset === 7 || offset === 8 ? 0 : offset))

const inCampaign = { campaign_id: campaign }
const referral = { ...inCampaign, referral_id: id('e', 1), referrer_id: person(4), referred_id: person(1) }
const events: readonly (readonly [string, object] | null)[] = [
  ['user.signed_up', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['user.verified', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['referral.created', referral],
  ['referral.verified', { ...referral, points_per_referral: 2 }],
  ['reward.earned', { ...inCampaign, user_reward_id: grant(1), user_id: person(1), reward_id: id('b', 1) }],
  ['reward.earned', { ...inCampaign, user_reward_id: grant(2), user_id: person(2), reward_id: id('b', 2) }],
  ['campaign.milestone_reached', { ...inCampaign, milestone: 'launch', participant_count: 4 }],
  ['user.signed_up', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['user.signed_up', { ...inCampaign, user_id: person(2), email: address(2) }],
  null,
  ['user.signed_up', { ...inCampaign, user_id: person(5), email: address(5) }],
]
export const endOfLog = events.length

function valueOf(offset: number): string {
  const [type, data] = events[offset] ?? []
  if (type === undefined) return 'no event'
  return JSON.stringify({
    id: eventId(offset),
    type,
    account_id: id('f', 1),
    campaign_id: campaign,
    data,
    timestamp: new Date(T + 90).toISOString(),
  })
}

const letter = (group: string, offset: number): Entry => ({
  is: 'record',
  topic: `domain-events.${group}.dlq`,
  partition: 0,
  offset,
  timestamp: T + 400,
  headers: { 'dlq-consumer-group': group, 'dlq-original-partition': '0', 'dlq-original-offset': String(offset), 'dlq-reason': 'not JSON' },
  value: Buffer.from(valueOf(offset)).toString('base64'),
})

const CONFLICT = 8
const BAD_RECORD = 9

/** Every group gives up the record that nobody can read; one that handles the event in conflict gives it up, too. */
function lettersOf(group: Group): Entry[] {
  return [CONFLICT, BAD_RECORD].filter((offset) => isRead(group, offset)).map((offset) => letter(group.id, offset))
}

function deadLettersOf(group: Group): Row[] {
  return [CONFLICT, BAD_RECORD]
    .filter((offset) => isRead(group, offset))
    .map((offset) => deadLetter(group.id, offset, offset === CONFLICT ? 'id-conflict' : 'not-json'))
}

function isRead(group: Group, offset: number): boolean {
  const event = events[offset]
  return event === null || event === undefined || handles(group, event[0])
}

function log(): Entry[] {
  const records = events.flatMap((event, offset): Entry[] => [
    { is: 'acked', at: T + 101 + offset, eventId: event === null ? null : eventId(offset), valueSha256: sha(valueOf(offset)) },
    {
      is: 'record',
      partition: 0,
      offset,
      timestamp: T + 100 + offset,
      headers: event === null ? {} : { 'event-type': event[0] },
      value: Buffer.from(valueOf(offset)).toString('base64'),
    },
  ])
  return [...records, ...groups.flatMap(lettersOf)]
}

const messageId = (offset: number, type: string, to: number) =>
  `<${sha(JSON.stringify([eventId(offset), type, person(to)])).slice(0, 32)}@mail.example>`

/** The mails that go out; the verification mail went out twice, and its row says that it was in doubt. */
const mails: readonly (readonly [offset: number, type: string, to: number, shown?: number])[] = [
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

function seen(): Entry[] {
  const taken = mails.map(([offset, type, to, shown], index): Entry => {
    const isCut = type === 'verification' && mails[index + 1]?.[1] === type
    return {
      is: 'mail',
      at: T + 600 + index,
      messageId: messageId(offset, type, to),
      recipients: [address(to)],
      subject: type,
      type: null,
      sha256: sha(`${offset} ${type} ${to}`),
      reply: isCut ? null : 250,
      ...(shown === undefined ? {} : { position: shown }),
    }
  })
  const call = { is: 'webhook', id: 'msg_1', path: '/hook', bodySha256: sha('body'), signatureOk: true } as const
  return [...taken, { ...call, at: T + 650, status: 500 }, { ...call, at: T + 660, status: 200 }]
}

const happened = (daemon: number, at: number, event: EntryOf<'process'>['event'], more: object = {}): Entry => ({
  is: 'process',
  at: T + at,
  daemon,
  pid: 100 + daemon,
  event,
  ...more,
})
const probe = (daemon: number, at: number, ready: boolean): Entry => ({
  is: 'health',
  at: T + at,
  daemon,
  ready,
  live: true,
  reasons: ready ? [] : ['database-away'],
})
const fault = (phase: 'begin' | 'end', at: number, name: string, affects: EntryOf<'fault'>['affects']): Entry => ({
  is: 'fault',
  at: T + at,
  name,
  phase,
  affects,
})

const processes: readonly Entry[] = [
  happened(1, 50, 'started'),
  happened(1, 60, 'ready'),
  { is: 'memory', at: T + 70, daemon: 1, residentMb: 150 },
  probe(1, 80, true),
  happened(1, 700, 'signalled', { signal: 'SIGKILL', failpoint: 'after the final dot' }),
  happened(1, 701, 'exited', { code: 'SIGKILL' }),
  happened(2, 800, 'started'),
  happened(2, 810, 'ready'),
  fault('begin', 50_000, 'the database is away', ['database']),
  probe(2, 59_000, false),
  fault('end', 65_000, 'the database is away', ['database']),
  probe(2, 70_000, true),
  { is: 'recovered', at: T + 70_000, afterMs: 5_000 },
]

const outcome = (group: string, offset: number, at: number, effects: readonly string[]): Row => ({
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

const intent = (group: string, key: string, state: string, more: object = {}): Row => ({
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

const row = (table: Row['table'], values: Row['row']): Row => ({ is: 'row', table, row: values })

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
const acceptedAt = new Map([0, 1, 2, 3, 4, 5, 6, 10].map((offset) => [offset, 200 + 3 * offset]))

function acceptedBy(group: Group): number[] {
  return [...acceptedAt.keys()].filter((offset) => isRead(group, offset))
}

function outcomesOf(group: Group): Row[] {
  return acceptedBy(group).map((offset) => {
    const effect = effects[group.id]?.[offset]
    return outcome(group.id, offset, acceptedAt.get(offset) ?? 0, effect === undefined ? [] : [effect])
  })
}

/** The rows of the tables in which a group counts what it accepts. */
function countsOf(group: Group): Entry[] {
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

function rows(): Row[] {
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

export const unregistered: Group = {
  name: 'census-workers',
  id: 'x.census-workers',
  types: ['user.*', 'referral.created'],
  needs: [],
  projects: true,
  counts: [{ name: 'census.events', by: ['campaign_id', 'type', 'day'] }],
}

/**
 * The same history with one group more, of which the checker knows nothing but what the run says: it counts events in a table of its own,
 * and calls an endpoint about each of them.
 */
export function withUnregisteredGroup(history: readonly Entry[]): Entry[] {
  const group = unregistered
  const call = { is: 'webhook', path: '/census', signatureOk: true, status: 204 } as const
  return [
    ...history.map((entry) => (entry.is === 'run' ? { ...entry, groups: [...entry.groups, group] } : entry)),
    ...atRestOf(group.id),
    ...lettersOf(group),
    ...deadLettersOf(group),
    ...acceptedBy(group).flatMap((offset): Entry[] => [
      outcome(group.id, offset, acceptedAt.get(offset) ?? 0, [`census:${eventId(offset)}`]),
      intent(group.id, `census:${eventId(offset)}`, 'delivered', { channel: 'webhook', envelope: { webhookId: `msg_c${offset}` } }),
      { ...call, at: T + 670 + offset, id: `msg_c${offset}`, bodySha256: sha(`census ${offset}`) },
      row('webhook_deliveries', { payload: { data: {} }, status: 'success', attempt_number: 1, error_message: null }),
    ]),
    ...countsOf(group),
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

/** What stands at the end; the commits of each group went in two steps, by two members. */
function atRest(): Entry[] {
  const perGroup = groups.flatMap(({ id }) => atRestOf(id))
  return [
    ...perGroup,
    ...groups.flatMap(countsOf),
    happened(2, 81_000, 'signalled', { signal: 'SIGTERM' }),
    happened(2, 82_000, 'exited', { code: 0 }),
    ...rows(),
  ]
}

function atRestOf(group: string): Entry[] {
  const generation = (number: number, logOffset: number, at: number): Entry => ({
    is: 'generation',
    logOffset,
    at: T + at,
    group,
    generation: number,
    members: [{ id: `member-${number}`, partitions: [0] }],
  })
  const commit = (number: number, logOffset: number, at: number, offset: number): Entry => ({
    is: 'commit',
    logOffset,
    at: T + at,
    group,
    topic: 'domain-events',
    partition: 0,
    offset,
    metadata: 'progress-row',
    generation: number,
  })
  const positions = (when: EntryOf<'offsets'>['when'], at: number, committed: number, stands: number): Entry => ({
    is: 'offsets',
    at: T + at,
    group,
    committed: { 0: committed },
    stored: { 0: stands },
    when,
  })
  return [
    generation(1, 0, 90),
    commit(1, 1, 215, 5),
    positions('running', 300, 5, endOfLog),
    generation(2, 2, 820),
    commit(2, 3, 900, endOfLog),
    positions('drained', 80_000, endOfLog, endOfLog),
    positions('clean-stop', 90_000, endOfLog, endOfLog),
    row('progress', { group_name: group, topic: 'domain-events', partition: 0, next_offset: String(endOfLog) }),
  ]
}
