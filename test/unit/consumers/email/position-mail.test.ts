import { describe, expect, it } from 'vitest'
import { awaitingRow } from '../../../../src/consumers/eligibility.ts'
import { awaitingRecalculation, awaitPosition, type PositionRow, type PositionWait } from '../../../../src/consumers/email/position-mail.ts'

const now = new Date('2030-01-01T12:00:00Z')
const settings = { missingRowWaitMs: 300_000, positionMailMaxWaitMs: 300_000 }
const dirty: PositionRow = { now, referral_status: 'verified', ranked: false, recalculated: false }
const ago = (ms: number) => new Date(now.getTime() - ms)
const first = { reason: null, waitingSince: null }
const waiting = (ms: number) => ({ reason: awaitingRecalculation, waitingSince: ago(ms) })
const wait = (reason: string, afterMs: number): PositionWait => ({ is: 'wait', reason, afterMs })
const go: PositionWait = { is: 'go', note: null }

describe('a position mail', () => {
  it.each<[string, Partial<PositionRow>, Parameters<typeof awaitPosition>[1], PositionWait]>([
    ['goes at once when the row is clean', { ranked: true }, first, go],
    ['goes for a converted referral too', { ranked: true, referral_status: 'converted' }, first, go],
    ['waits for a referral that is not committed', { ranked: true, referral_status: null }, first, wait(awaitingRow, 1_000)],
    ['waits for one that is not verified yet', { ranked: true, referral_status: 'pending' }, first, wait(awaitingRow, 1_000)],
    [
      'is skipped when the referral never comes',
      { ranked: true, referral_status: null },
      { reason: awaitingRow, waitingSince: ago(300_000) },
      { is: 'skip', reason: 'not-found' },
    ],
    ['waits for a recalculation of a dirty row', {}, first, wait(awaitingRecalculation, 1_000)],
    ['looks again after as long as it has waited', {}, waiting(4_000), wait(awaitingRecalculation, 4_000)],
    ['looks again within half a minute', {}, waiting(100_000), wait(awaitingRecalculation, 30_000)],
    ['looks again no later than its time ends', {}, waiting(299_500), wait(awaitingRecalculation, 500)],
    ['goes when a recalculation ran since it first looked, though the row is dirty again', { recalculated: true }, waiting(2_000), go],
    ['does not count a recalculation before it first looked for this', { recalculated: true }, first, wait(awaitingRecalculation, 1_000)],
    [
      'counts its time from when it waited for this, not for something else',
      { recalculated: true },
      { reason: awaitingRow, waitingSince: ago(299_000) },
      wait(awaitingRecalculation, 1_000),
    ],
    ['goes at last with the position known, and says so', {}, waiting(300_000), { is: 'go', note: 'position-not-recalculated' }],
    ['goes when the relay’s rate had put it off, though the row is dirty again', {}, { reason: 'relay-rate', waitingSince: ago(1) }, go],
    ['goes when the domain had put it off, though the row is dirty again', {}, { reason: 'domain-rate', waitingSince: ago(1) }, go],
    ['takes nulls of outer joins for dirty', { ranked: null, recalculated: null }, first, wait(awaitingRecalculation, 1_000)],
  ])('%s', (_, change, intent, answer) => {
    expect(awaitPosition({ ...dirty, ...change }, intent, settings)).toEqual(answer)
  })
})
