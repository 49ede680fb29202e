import { describe, expect, it } from 'vitest'
import { intentAnswer, isWell, type IntentContext } from '../../../../src/admin/timeline/intent-answer.ts'
import { intentStates } from '../../../../src/admin/intents/intent-filter.ts'
import { intentReasons } from '../../../../src/admin/intents/intent-reasons.ts'
import { reasonSentence, reasonSentences } from '../../../../src/admin/timeline/reason-sentences.ts'
import { before, intentFact, NOW, pauseFact, USER } from '../../../support/timeline-facts.ts'

const context: IntentContext = { now: NOW, eventType: null, rewardStatus: null, suppressions: [], pauses: [], mail: null, delivery: null }
const answer = (...[change, more]: [Parameters<typeof intentFact>[0], Partial<IntentContext>?]) =>
  intentAnswer(intentFact(change), { ...context, ...more })
const byType = pauseFact('type', 'user.signed_up')
const waits = (change: Parameters<typeof intentFact>[0], ...pauses: IntentContext['pauses']) => answer(change, { pauses })

describe('the answer about an intent', () => {
  it.each([
    [{}, 'The welcome mail has been due for 5 min and no worker has claimed it; workerctl offsets show says whether its group runs.'],
    [
      { claims: 15 },
      'The welcome mail has been due for 5 min, and workers have taken it 15 times without an outcome; /status and the log of each daemon say why.',
    ],
    [{ dueAt: before(-5) }, 'The welcome mail is due in 5 min.'],
    [
      { reason: 'campaign-paused', waitingSince: before(120), dueAt: before(-5) },
      'The welcome mail has waited for 2 h: the campaign is paused; it goes out once the campaign is active again.',
    ],
    [
      { reason: 'recipient-deferred', attempt: 2, dueAt: before(-10) },
      'The welcome mail is tried again in 10 min: attempt 2 failed: the relay deferred the recipient; nothing is to be done, it goes on by itself.',
    ],
    [{ state: 'claimed' }, 'The welcome mail is being prepared by a worker.'],
    [{ state: 'handing_over' }, 'The welcome mail is being sent right now.'],
    [
      { state: 'ambiguous', dueAt: before(-1) },
      "It is not known whether the welcome mail arrived: the relay's reply was lost; it is sent once more in 1 min.",
    ],
    [
      { state: 'held' },
      "It is not known whether the welcome mail arrived: the relay's reply was lost, and it is not sent again by itself; workerctl intents retry 4711 --yes sends it again, workerctl intents mark-sent 4711 --yes records that it was sent.",
    ],
    [
      { state: 'sent', finishedAt: before(3 * 1_440), messageId: '<a@example.com>' },
      "The welcome mail was accepted by the relay 3 days ago as <a@example.com>; look for it among junk mail, or by this id in the relay's log.",
    ],
    [{ state: 'delivered', kind: 'reward', type: null, channel: 'webhook', finishedAt: before(60) }, 'The reward was delivered 1 h ago.'],
    [
      { state: 'delivered', kind: 'milestone-broadcast', type: null, channel: 'broadcast', finishedAt: before(60) },
      'The milestone broadcast was delivered 1 h ago.',
    ],
    [
      { state: 'skipped', reason: 'person-blocked' },
      'No welcome mail: the person is blocked; workerctl intents retry 4711 --yes sends it once that has changed.',
    ],
    [
      { state: 'rejected', reason: 'recipient-refused', detail: 'Code 550, 5.1.1.' },
      'No welcome mail: the relay says that the mailbox does not exist (hard bounce) (Code 550, 5.1.1); check the address with the person, and correct it in waitlist_users.',
    ],
    [
      { state: 'dead', reason: 'timeout', attempt: 10, kind: 'reward', type: null },
      'No reward after 10 attempts: the endpoint did not answer in time; workerctl intents retry 4711 --yes sends it again.',
    ],
    [
      { state: 'cancelled', reason: 'by-operator' },
      'No welcome mail: an operator decided so (workerctl intents cancel or mark-sent); workerctl intents retry 4711 --yes sends it again.',
    ],
  ] as const)('of %j is one sentence', (change, sentence) => {
    expect(answer(change)).toBe(sentence)
  })

  it('names how long the address has been suppressed and the command that lifts it', () => {
    const skipped = { state: 'skipped', reason: 'suppressed-bounced' } as const
    expect(answer(skipped, { suppressions: [{ reason: 'bounced', at: before(3 * 1_440) }] })).toBe(
      `No welcome mail: the address was suppressed 3 days ago (hard bounce); workerctl suppressions remove --user ${USER} --reason bounced lifts it, then workerctl intents retry 4711 --yes sends the mail.`,
    )
    expect(answer(skipped)).toBe(
      'No welcome mail: the address was suppressed then (hard bounce), which has been lifted; workerctl intents retry 4711 --yes sends it again.',
    )
  })

  it('names the pause that it waits for, whatever else keeps it back', () => {
    const [group, channel] = [pauseFact('group', 'stage.email-workers', 'stage.email-workers'), pauseFact('channel', 'email')]
    const campaign = pauseFact('campaign', intentFact().campaignId, 'stage.email-workers')
    expect(waits({}, channel)).toBe(
      'The welcome mail waits: the email channel is paused by ops (relay move) until it is resumed; workerctl resume channel email --owner NAME ends the pause.',
    )
    expect(waits({ reason: 'recipient-deferred', attempt: 2 }, group)).toMatch(
      /^The welcome mail waits: group stage\.email-workers is paused/,
    )
    expect(waits({}, campaign)).toMatch(/^The welcome mail waits: campaign 0c9e6c1f-\S+ of stage\.email-workers is paused/)
    expect(waits({ state: 'ambiguous' }, channel)).toMatch(/^It is not known whether .* arrived, and it waits before .*: the email channel/)
    const [endpoint, later] = [pauseFact('destination', 'endpoint 7'), { dueAt: before(-14), reason: 'connection-refused', attempt: 2 }]
    expect(waits({ ...later, destination: 'endpoint 7' }, endpoint)).toMatch(
      /^The welcome mail waits: destination endpoint 7 is paused by ops/,
    )
    expect(waits({ ...later, destination: 'endpoint 8' }, endpoint)).toMatch(/^The welcome mail is tried again in 14 min/)
    expect(answer(later, { pauses: [byType], eventType: 'user.signed_up' })).toMatch(
      /^The welcome mail waits: event type user\.signed_up is paused/,
    )
    expect(answer(later, { pauses: [byType], eventType: 'user.verified' })).toMatch(/^The welcome mail is tried again/)
    expect(waits({ reason: 'paused', detail: 'pause 12', waitingSince: before(3) }, byType)).toMatch(
      /: event type user\.signed_up is paused/,
    )
    // Of others, of what has been decided, and of what is under way.
    const others = [
      pauseFact('channel', 'webhook'),
      pauseFact('channel', 'email', 'stage.reward-workers'),
      pauseFact('campaign', 'other'),
      byType,
    ]
    expect(waits({}, ...others)).toMatch(/ and no worker has claimed it/)
    expect(waits({ state: 'claimed' }, channel)).toBe('The welcome mail is being prepared by a worker.')
    expect(waits({ state: 'skipped', reason: 'stale' }, channel)).toMatch(/^No welcome mail: /)
  })

  it('makes what is pending due, and retries what has ended', () => {
    const refused = { kind: 'reward', type: null, channel: 'webhook', reason: 'connection-refused', attempt: 2 } as const
    expect(answer({ ...refused, dueAt: before(-2) })).toMatch(
      /^The reward is tried again in 2 min: .*workerctl intents retry 4711 --now --yes sends it again\.$/,
    )
    const waits = { ...refused, dueAt: before(-59) }
    expect(answer(waits, { rewardStatus: 'revoked' })).toBe('No reward: the reward was revoked; the next look at its intent ends it.')
    expect(answer(waits, { rewardStatus: 'earned' })).toMatch(/^The reward is tried again in 59 min/)
    expect(answer({ ...waits, kind: 'mail', type: 'reward_earned' }, { rewardStatus: 'revoked' })).toMatch(
      /^The mail about the reward is tried again/,
    )
    expect(answer({ ...refused, state: 'dead' })).toMatch(
      /^No reward after 2 attempts: .*workerctl intents retry 4711 --yes sends it again\.$/,
    )
  })

  it('names the endpoint that is away, since when and why', () => {
    const away = {
      destination: '7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d',
      sole: false,
      names: { destination: 'endpoint', deliveries: 'webhooks' },
      reason: 'connection-refused',
      since: before(30).toISOString(),
      host: 'https://hooks.example.com',
    }
    expect(answer({ kind: 'reward', type: null, channel: 'webhook', reason: 'endpoint-open', waitingSince: before(5), away })).toBe(
      'The reward waits: the endpoint https://hooks.example.com has been away for 30 min (connection-refused); its owner must fix it, and the reward goes out once it answers.',
    )
    const relay = { ...away, sole: true, host: null, destination: 'relay', names: { destination: 'relay', deliveries: 'mails' } }
    expect(answer({ away: relay })).toContain('The welcome mail waits: the relay has been away for 30 min (connection-refused)')
  })

  it('exists for every state with every reason, without a placeholder left', () => {
    for (const state of intentStates) {
      for (const reason of [null, ...intentReasons]) {
        expect(answer({ state, reason, attempt: 1, waitingSince: before(1) })).toMatch(/^[A-Z][^{}]*\.$/)
      }
    }
  })

  it('counts what was sent, delivered or needed no delivery as well, and nothing else', () => {
    const well = intentStates.flatMap((state) =>
      [null, ...intentReasons].filter((reason) => isWell(intentFact({ state, reason }))).map((reason) => `${state} ${reason ?? ''}`),
    )
    expect(well.filter((one) => !/^(?:sent|delivered) /.test(one))).toEqual(['skipped reward-delivered', 'skipped reward-redeemed'])
    expect(isWell(intentFact({ coalesce: true }))).toBe(true)
  })
})

describe('the sentences of reasons', () => {
  it("are those of the code's list: a new reason needs one", () => {
    expect(Object.keys(reasonSentences).toSorted()).toEqual(intentReasons.toSorted())
  })

  it('fall back on the word for what only a consumer of its own says', () => {
    expect(reasonSentence('no-stock').because).toBe('its consumer says no-stock')
    expect(reasonSentence('sqlstate-40P01').because).toBe('the database ended it with 40P01')
  })
})
