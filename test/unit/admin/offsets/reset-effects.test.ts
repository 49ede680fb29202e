import { expect, it } from 'vitest'
import { effectsOfReset } from '../../../../src/admin/offsets/reset-effects.ts'
import type { PartitionMove, ResetPlan } from '../../../../src/admin/offsets/reset-plan.ts'
import type { Intent } from '../../../../src/model/intent.ts'

const intent: Intent = {
  id: '1',
  group: 'email-workers',
  kind: 'mail',
  version: 1,
  channel: 'email',
  key: 'k',
  class: 'replay',
  coalesce: false,
  eventId: 'e1',
  eventAt: null,
  correlationId: null,
  traceparent: null,
  campaignId: 'c1',
  userId: 'u1',
  destination: null,
  data: {},
  attempt: 0,
  ambiguous: 0,
  waitingSince: null,
  reason: null,
  createdAt: new Date(0),
  frozen: null,
  claim: { id: '1', owner: 'o', claims: 1 },
}
const move = { partition: 0, from: 20_000n, committed: 20_000n, exemptBelow: 0n, forgotten: 0n, lost: 0n, recreated: false, cutAt: null }
const known = { group: 'g', topic: 't', start: 'known', topicId: null } as const
const back: PartitionMove = { ...move, to: 0n, again: 20_000n, unread: 0n }
const plan: ResetPlan = { ...known, moves: [back, { ...move, partition: 1, to: 20_010n, again: 0n, unread: 10n }] }
const foresee = () => Promise.resolve([])
const none = { counts: [], ends: [], people: 0, effects: 0 }

it('a preview reads as the group does, and says how many of the records it has read', async () => {
  const classes: string[] = []
  const effects = await effectsOfReset(plan, {
    foresee: (intents) => {
      classes.push(...intents.map((intent) => intent.class))
      return Promise.resolve([])
    },
    rehearse: async ({ cap, revives }, live) => {
      await live([intent])
      return { ...none, people: cap === Infinity && !revives ? 1 : 0 }
    },
  })
  expect(classes).toEqual(['live', 'live'])
  expect(effects).toMatchObject([
    { of: 'again', shown: 10_000n, all: 20_000n, plan: { people: 1 }, error: null },
    { of: 'unread', shown: 10n, all: 10n, plan: { people: 1 }, error: null },
  ])
})

it('a reset goes on without a preview that fails or takes too long', async () => {
  const failing = { foresee, rehearse: () => Promise.reject(new Error('the topic cannot be read')) }
  const found = await effectsOfReset(plan, failing)
  expect(found).toMatchObject([
    { of: 'again', shown: 0n, all: 20_000n, plan: null, error: 'the topic cannot be read' },
    { of: 'unread', shown: 0n, all: 10n, plan: null, error: 'the topic cannot be read' },
  ])
  expect(found[0]?.sentences).toEqual([
    'The effects of records that are read again could not be previewed: the topic cannot be read. A reset does not need them and goes on.',
  ])
  const late = await effectsOfReset(plan, { foresee, rehearse: (_range, _foresee, signal) => ending(signal) }, AbortSignal.timeout(1))
  expect(late.map(({ error }) => error)).toEqual(['reading them took longer than 30 s', 'reading them took longer than 30 s'])
})

/** As a reader ends that reads until its signal aborts. */
async function ending(signal: AbortSignal): Promise<never> {
  // Keeps the process alive: the timer of the signal does not.
  const waiting = setInterval(() => undefined, 1_000)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(waiting)
  throw new Error('ended')
}
