import { describe, expect, it } from 'vitest'
import { awaitingRow, judge, type Eligibility, type EligibilityRow } from '../../../src/consumers/eligibility.ts'

const now = new Date('2030-01-01T12:00:00Z')
const settings = { missingRowWaitMs: 300_000, now }
const fresh = { reason: null, waitingSince: null }
const fine: EligibilityRow = {
  person_status: 'verified',
  person_deleted: false,
  campaign_status: 'active',
  campaign_deleted: false,
  account_status: 'active',
}

describe('a person', () => {
  it.each<[string, Partial<EligibilityRow>]>([
    ['verified', {}],
    ['pending', { person_status: 'pending' }],
    ['converted', { person_status: 'converted' }],
    ['of a completed campaign', { campaign_status: 'completed' }],
  ])('%s may get mail of the campaign', (_who, change) => {
    expect(judge({ ...fine, ...change }, fresh, settings)).toEqual({ is: 'go' })
  })

  it.each<[string, Partial<EligibilityRow>]>([
    ['person-deleted', { person_deleted: true }],
    ['person-blocked', { person_status: 'blocked' }],
    ['person-removed', { person_status: 'removed' }],
    ['campaign-deleted', { campaign_deleted: true }],
    ['account-suspended', { account_status: 'suspended' }],
    ['account-canceled', { account_status: 'canceled' }],
    ['campaign-draft', { campaign_status: 'draft' }],
  ])('is skipped as %s, and does not wait for a paused campaign first', (reason, change) => {
    expect(judge({ ...fine, ...change }, fresh, settings)).toEqual({ is: 'skip', reason })
    const paused = { campaign_status: 'paused', ...change }
    expect(judge({ ...fine, ...paused }, fresh, settings)).toEqual({ is: 'skip', reason })
  })

  it('of a paused campaign waits, however long', () => {
    const waiting = { reason: 'campaign-paused', waitingSince: new Date(0) }
    expect(judge({ ...fine, campaign_status: 'paused' }, waiting, settings)).toEqual({
      is: 'wait',
      reason: 'campaign-paused',
      afterMs: 3_600_000,
      of: 'campaign',
    })
  })
})

describe('a missing row', () => {
  it.each([
    [0, 1_000],
    [500, 1_000],
    [4_000, 4_000],
    [60_000, 30_000],
    [299_000, 1_000],
    [299_999, 1],
  ])('after %i ms is looked at again in %i ms', (waitedMs, afterMs) => {
    expect(look(waitedMs)).toEqual({ is: 'wait', reason: awaitingRow, afterMs })
  })

  it('is given up when the time is over', () => {
    expect(look(300_000)).toEqual({ is: 'skip', reason: 'not-found' })
    expect(look(0, 0)).toEqual({ is: 'skip', reason: 'not-found' })
  })

  it('is waited for from the first look at it, whatever was waited for before', () => {
    const paused = { reason: 'campaign-paused', waitingSince: new Date(0) }
    expect(judge(undefined, paused, settings)).toEqual({ is: 'wait', reason: awaitingRow, afterMs: 1_000 })
    expect(judge(undefined, fresh, settings)).toEqual({ is: 'wait', reason: awaitingRow, afterMs: 1_000 })
  })

  it('is also a row of nothing but nulls, and a clock that runs backwards is no wait', () => {
    const nothing = { person_status: null, person_deleted: null, campaign_status: null, campaign_deleted: null, account_status: null }
    expect(judge(nothing, fresh, settings)).toMatchObject({ is: 'wait', reason: awaitingRow })
    expect(look(-60_000)).toEqual({ is: 'wait', reason: awaitingRow, afterMs: 1_000 })
  })
})

/** A look at a row that has been missing for so long. */
function look(waitedMs: number, missingRowWaitMs = 300_000): Eligibility {
  return judge(undefined, { reason: awaitingRow, waitingSince: new Date(now.getTime() - waitedMs) }, { missingRowWaitMs, now })
}
