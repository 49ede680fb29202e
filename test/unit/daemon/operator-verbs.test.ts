import { describe, expect, it } from 'vitest'
import type { PauseAdmin } from '../../../src/admin/pauses/pause-admin.ts'
import { operatorVerbs, type OperatorVerbPorts } from '../../../src/daemon/operator-verbs.ts'
import type { Pause } from '../../../src/model/pause.ts'
import { OperatorError } from '../../../src/std/failure.ts'

const account = '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11'
const groups = ['email-workers', 'reward-workers'].map((name) => ({ name, id: `test.${name}`, topic: 'events', enabled: true }))
const work = new Map([
  ['email-workers', { channels: ['broadcast', 'email'], types: ['user.signed_up'] }],
  ['reward-workers', { channels: ['email', 'webhook'], types: ['reward.earned'] }],
])
const now = Date.parse('2030-01-31T12:00:00.000Z')
const hour = 3_600_000

/** Pauses of one process, kept in an array. */
function serve({
  pauses: changed,
  ...changes
}: Partial<Omit<OperatorVerbPorts, 'pauses'>> & { readonly pauses?: Partial<PauseAdmin> } = {}) {
  const active: Pause[] = []
  const suppressed: object[] = []
  const pauses: PauseAdmin = {
    active: async () => active,
    async begin({ forMs, ...request }, extend) {
      const found = active.findIndex(
        ({ scope, target, group }) => scope === request.scope && target === request.target && group === request.group,
      )
      if (found >= 0 && !extend) return { is: 'exists', pause: { ...request, id: '1', since: new Date(now), until: null } }
      const pause = { ...request, id: '1', since: new Date(now), until: forMs === null ? null : new Date(now + forMs) }
      active.splice(found < 0 ? 0 : found, found < 0 ? 0 : 1, pause)
      return { is: found < 0 ? 'begun' : 'extended', pause }
    },
    async end(wanted) {
      const found = active.findIndex(
        ({ scope, target, group }) => scope === wanted.scope && target === wanted.target && group === wanted.group,
      )
      return found < 0 ? null : (active.splice(found, 1)[0] ?? null)
    },
    inFlight: async () => 2,
    exists: async () => false,
    ...changed,
  }
  const verbs = operatorVerbs({
    groups,
    names: { groups, work, types: ['user.signed_up', 'reward.earned'] },
    pauses,
    progress: { readProgress: async () => [] },
    suppressions: {
      add: async ({ accountId, address }) =>
        accountId !== account ? 'unknown-account' : address.startsWith('known') ? 'known' : 'recorded',
    },
    withLog: (work) =>
      work({
        ranges: async () => new Map([[0, { low: 0n, high: 5n }]]),
        offsetsAt: async (_topic, at) => new Map([[0, at.getTime() > now - hour ? 5n : 0n]]),
        topicConfig: async () => new Map([['retention.ms', String(24 * hour)]]),
      }),
    now: () => now,
    checkRights: async () => undefined,
    onSuppressed: (of) => suppressed.push(of),
    ...changes,
  })
  return { verbs, active, suppressed }
}

const pause = { scope: 'group', target: 'email-workers', owner: 'ops', because: 'maintenance', for: '2h' }

describe('POST /admin/pause and resume', () => {
  it('begin, replace and end a pause, and say what is in flight and how long until retention deletes records', async () => {
    const { verbs, active } = serve()
    const begun = await verbs.pause(pause)
    expect(begun).toMatchObject({
      done: {
        is: 'begun',
        pause: { group: 'test.email-workers', owner: 'ops', because: 'maintenance' },
        inFlight: 2,
        retention: { topic: 'events' },
      },
    })
    expect(JSON.stringify(begun)).toMatch(/2 intents of it are in flight.*Topic events deletes unread records in 2[23] h/)
    expect(await verbs.pause(pause)).toMatchObject({ status: 409, refused: expect.stringContaining('give extend with true to replace it') })
    const { for: _, ...endless } = pause
    expect(await verbs.pause({ ...endless, group: 'test.email-workers', untilResumed: true, extend: true })).toMatchObject({
      done: { is: 'extended', pause: { until: null } },
    })
    expect(await verbs.resume({ scope: 'channel', target: 'email', owner: 'ops' })).toEqual({
      status: 409,
      refused:
        'There is no pause of channel email in all groups; what is paused: group test.email-workers paused by ops (maintenance) until it is resumed.',
    })
    const [listed] = active
    expect(await verbs.resume({ scope: listed?.scope, target: listed?.target, group: listed?.group, owner: 'ops' })).toMatchObject({
      done: { ended: { scope: 'group', target: 'test.email-workers' } },
    })
    expect(active).toEqual([])
  })

  it('take a partition as it is listed, and refuse one that the topic does not have, and campaigns that do not exist', async () => {
    const { verbs, active } = serve()
    const partition = { ...pause, scope: 'partition', group: 'email-workers' }
    expect(await verbs.pause({ ...partition, target: '0' })).toMatchObject({ done: { pause: { scope: 'partition', target: '0' } } })
    expect(await verbs.pause({ ...partition, target: '7' })).toEqual({
      status: 409,
      refused: 'Topic events has no partition 7: it has 1, numbered from 0.',
    })
    expect(await verbs.pause({ ...pause, scope: 'campaign', target: account })).toMatchObject({ status: 409 })
    expect(active).toHaveLength(1)
  })

  it.each([
    [{ owner: undefined }, 'owner is missing: give who can be asked about it, such as a team.'],
    [{ because: 7 }, 'because is not a text: give why, in one line.'],
    [{ because: 'asked by guest@example.com' }, 'because is kept and shown to others: give no address, but a name, a team or a ticket.'],
    [{ for: 'soon' }, 'for is not a length of time up to a year: give a number with s, m, h or d, such as 30m, 2h or 3d.'],
    [{ for: undefined }, 'for and untilResumed say how long: give either for with a time such as "2h", or untilResumed with true.'],
    [{ untilResumed: true }, 'for and untilResumed say how long: give either for with a time such as "2h", or untilResumed with true.'],
    [{ extend: 'yes' }, 'extend is neither true nor false: give true to replace owner, why and end of a pause that exists.'],
    [
      { scope: 'grup' },
      'There is no scope "grup" (did you mean group?): give one of group, channel, destination, campaign, type, partition.',
    ],
    [
      { scope: 'channel', target: 'webhook', group: 'email-workers' },
      'Group test.email-workers has no channel webhook: give one of broadcast, email.',
    ],
    [
      { scope: 'type', target: 'reward.earned', group: 'email-workers' },
      'Group test.email-workers does not read reward.earned: give user.signed_up.',
    ],
    [{ scope: 'guest@example.com' }, 'The scope given does not exist: give one of group, channel, destination, campaign, type, partition.'],
    [
      { target: 'email-worker' },
      'There is no group "email-worker" (did you mean email-workers?): give one of test.email-workers, test.reward-workers.',
    ],
    [{ group: 'reward-workers' }, 'group and target differ: leave group out where the scope is group.'],
    [
      { scope: 'partition', target: '0' },
      'group is missing: give the group, which the scope partition needs; without it a pause of another scope is in all groups.',
    ],
    [{ scope: 'destination' }, `destination must be a UUID such as ${account}.`],
    [{ reason: 'maintenance' }, 'There is no field "reason": give one of scope, target, group, owner, because, for, untilResumed, extend.'],
    [
      { ownr: 'ops' },
      'There is no field "ownr" (did you mean owner?): give one of scope, target, group, owner, because, for, untilResumed, extend.',
    ],
  ])('refuse %j with a sentence that names the field and the way out, and change nothing', async (change, refused) => {
    const { verbs, active } = serve()
    const body = Object.fromEntries(Object.entries({ ...pause, ...change }).filter(([, value]) => value !== undefined))
    expect(await verbs.pause(body)).toEqual({ status: 400, refused })
    expect(active).toEqual([])
  })

  it('answer that a pause has begun although what is in flight cannot be counted', async () => {
    const { verbs, active } = serve({ pauses: { inFlight: () => Promise.reject(new Error('canceling statement')) } })
    expect(await verbs.pause(pause)).toMatchObject({
      done: { is: 'begun', inFlight: null, sentences: [expect.stringContaining('could not be counted'), expect.any(String)] },
    })
    expect(active).toHaveLength(1)
  })

  it('change nothing, and refuse for now, where Kafka has not answered in time', async () => {
    const slept: number[] = []
    const clock = { sleep: async (ms: number) => void slept.push(ms) }
    const { verbs, active } = serve({ withLog: () => new Promise(() => undefined), clock })
    const begun = verbs.pause(pause)
    expect(await begun).toEqual({ status: 503, refused: 'Kafka did not answer within 10 s: nothing was changed; try again.' })
    expect([slept, active]).toEqual([[10_000], []])
  })

  it('refuse with the grant where the role of the daemon may not change pauses, and reject when the database does not answer', async () => {
    const denied = serve({ checkRights: () => Promise.reject(new OperatorError('The role may not INSERT on worker.pauses: run GRANT.')) })
    expect(await denied.verbs.pause(pause)).toEqual({ status: 409, refused: 'The role may not INSERT on worker.pauses: run GRANT.' })
    expect(denied.active).toEqual([])
    const away = serve({ checkRights: () => Promise.reject(new Error('no connection')) })
    await expect(away.verbs.pause(pause)).rejects.toThrow('no connection')
  })
})

describe('POST /admin/suppress', () => {
  const body = { account, address: 'guest@example.com', reason: 'unsubscribed', owner: 'support', because: 'by phone' }

  it('records an address, which stands in no answer and in nothing that is logged', async () => {
    const { verbs, suppressed } = serve()
    const answers = [
      await verbs.suppress(body),
      await verbs.suppress({ ...body, address: 'known@example.com' }),
      await verbs.suppress({ ...body, account: account.replace('7', '8') }),
      await verbs.suppress({ ...body, address: 'guest@example.com someone' }),
      await verbs.suppress({ ...body, because: 'guest@example.com called' }),
      await verbs.suppress({ ...body, reason: 'bouncd' }),
      await verbs.suppress({ ...body, reason: 'someone@example.com' }),
    ]
    expect(answers).toMatchObject([
      { done: { is: 'recorded' } },
      { done: { is: 'known' } },
      { status: 409, refused: expect.stringContaining('There is no account 8a4b') },
      { status: 400, refused: 'address is not a mail address: give one plain mail address, such as guest@example.com.' },
      { status: 400, refused: expect.stringContaining('because is kept and shown') },
      { status: 400, refused: 'There is no reason "bouncd" (did you mean bounced?): give one of bounced, unsubscribed.' },
      { status: 400, refused: 'The reason given does not exist: give one of bounced, unsubscribed.' },
    ])
    expect(suppressed).toEqual([{ accountId: account, reason: 'unsubscribed', owner: 'support', because: 'by phone' }])
    expect(JSON.stringify([answers.slice(0, 3), suppressed])).not.toContain('@')
  })
})
