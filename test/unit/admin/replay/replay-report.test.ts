import { expect, it } from 'vitest'
import type { ReplayEnd } from '../../../../src/admin/replay/replay-admin.ts'
import { differenceSentence, differencesOf } from '../../../../src/admin/replay/replay-report.ts'
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

const read = { plan: plan(), counts: [made], readAt: new Date(0) }

it('an execution as planned has no difference, and neither has one that is not finished', () => {
  expect(differencesOf(read, [end('sent', 2), end('skipped', 1, 'person-blocked')])).toEqual([])
  expect(differencesOf(read, [end('sent', 1), end('pending', 1), end('skipped', 1, 'person-blocked')])).toEqual([])
  expect(differencesOf({ ...read, readAt: null, counts: [] }, [])).toEqual([])
})

it('an execution that did something else has each difference, with the reason beside the smaller number', () => {
  const differences = differencesOf(
    {
      ...read,
      counts: [
        { ...made, count: 2 },
        { what: 'spent', of: 'mail welcome', as: 'sent', count: 1 },
      ],
    },
    [end('sent', 1), end('skipped', 2, 'person-blocked'), end('skipped', 1, 'replay-cap')],
  )
  expect(differences.map(differenceSentence)).toEqual([
    'new mail welcome: 3 planned, 2 are.',
    'spent mail welcome, sent: 0 planned, 1 is.',
    'mail welcome sent: 2 planned, 1 is.',
    'mail welcome skipped as person-blocked: 1 planned, 2 are.',
  ])
})
