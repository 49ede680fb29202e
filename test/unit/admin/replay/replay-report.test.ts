import { expect, it } from 'vitest'
import type { ReplayEnd } from '../../../../src/admin/replay/replay-admin.ts'
import { comparisonSentences, differencesOf, unfinishedOf } from '../../../../src/admin/replay/replay-report.ts'
import { PlanTally } from '../../../../src/admin/replay/replay-plan.ts'
import type { ReplayCount } from '../../../../src/model/replay.ts'

const made: ReplayCount = { what: 'new', of: 'mail welcome', as: null, count: 3 }

function plan() {
  const tally = new PlanTally(() => true)
  const mail = { label: 'mail welcome', reason: null, userId: null, channel: 'email', mails: null, subject: null }
  tally.add(
    [made],
    [
      { ...mail, as: 'send' },
      { ...mail, as: 'wait', reason: 'awaiting-row' },
      { ...mail, as: 'skip', reason: 'person-blocked' },
    ],
  )
  return tally.plan()
}

function end(state: string, count: number, reason: string | null = null): ReplayEnd {
  return { label: 'mail welcome', state, reason, count }
}

/** The comparison as `replay show` prints it. */
function words(view: Parameters<typeof differencesOf>[0], ends: readonly ReplayEnd[]): readonly string[] {
  return comparisonSentences(view, unfinishedOf(ends), differencesOf(view, ends))
}

const read = { plan: plan(), counts: [made], readAt: new Date(0) }

it('an execution as planned has no difference, while it runs and when it is done', () => {
  const skipped = (count: number) => end('skipped', count, 'person-blocked')
  const done = [end('sent', 2), skipped(1)]
  expect(differencesOf(read, done)).toEqual([])
  expect(words(read, done)).toEqual(['No difference from the plan.'])
  // Nothing is known of those that wait: any of them may be sent or skipped.
  for (const ends of [
    [end('pending', 3, 'replay-waiting')],
    [end('sent', 1), end('pending', 2)],
    [end('sent', 2), end('claimed', 1)],
    [end('handing_over', 1), end('ambiguous', 1), skipped(1)],
  ]) {
    expect(differencesOf(read, ends)).toEqual([])
    expect(words(read, ends)).toEqual(['Of the intents, only those that have ended are compared with the plan.', 'No difference so far.'])
  }
  const unread = { ...read, readAt: null, counts: [] }
  expect(differencesOf(unread, [end('sent', 3)])).toEqual([])
  expect(words(unread, [end('sent', 3)])).toEqual(['Differences from the plan are known once the range is read.'])
})

it('while it runs, what exceeds the plan is a difference already, and what falls short of it is not', () => {
  const ends = [end('sent', 3), end('skipped', 2, 'person-deleted'), end('dead', 1, 'no-template'), end('pending', 1)]
  expect(words(read, ends)).toEqual([
    'Of the intents, only those that have ended are compared with the plan.',
    'Differs from the plan: mail welcome dead as no-template: 0 planned, 1 is.',
    'Differs from the plan: mail welcome sent: 2 planned, 3 are.',
    'Differs from the plan: mail welcome skipped as person-deleted: 0 planned, 2 are.',
  ])
  expect(words(read, ends.slice(0, -1))).toContain('Differs from the plan: mail welcome skipped as person-blocked: 1 planned, 0 are.')
})

it('an execution that did something else has each difference, with the reason beside the smaller number', () => {
  const counts: readonly ReplayCount[] = [
    { ...made, count: 2 },
    { what: 'spent', of: 'mail welcome', as: 'sent', count: 1 },
  ]
  const ends = [end('sent', 1), end('skipped', 2, 'person-blocked'), end('skipped', 1, 'replay-cap')]
  expect(words({ ...read, counts }, ends)).toEqual([
    'Differs from the plan: new mail welcome: 3 planned, 2 are.',
    'Differs from the plan: spent mail welcome, sent: 0 planned, 1 is.',
    'Differs from the plan: mail welcome sent: 2 planned, 1 is.',
    'Differs from the plan: mail welcome skipped as person-blocked: 1 planned, 2 are.',
  ])
})
