import { describe, expect, it } from 'vitest'
import { createLeaderboardChannel } from '../../../src/leaderboard/leaderboard-channel.ts'
import type { Recalculated } from '../../../src/leaderboard/leaderboard.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { MemoryIntentStore, noSql } from '../../support/memory-intent-store.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

const intent = sampleIntent({ kind: 'recalculate', channel: 'leaderboard' })

function fixtureOf(recalculated: Recalculated | Error, of = intent, { tookMs = 7, leftMs = null as number | null } = {}) {
  const clock = createAutoAdvancingClock()
  const store = new MemoryIntentStore()
  const order: string[] = []
  const reports: object[] = []
  const channel = createLeaderboardChannel({
    leaderboard: {
      async recalculate(campaignId, tx, again) {
        expect(tx).toBe(noSql)
        order.push(`recalculate ${campaignId}${again ? ' again' : ''}`)
        await clock.sleep(tookMs)
        if (recalculated instanceof Error) throw recalculated
        return recalculated
      },
      async wakeWaitingMails(campaignId) {
        order.push(`wake ${campaignId} after ${store.transactions.length} commits`)
        return 1
      },
      async pause() {
        order.push('put off')
        return 4_000
      },
      pauseLeftMs: async () => leftMs,
      sweep: async () => 0,
    },
    deadlineMs: 1_000,
    maxLagMs: 60_000,
    clock,
    report: (report) => reports.push(report),
    reportTooSlow: (report) => reports.push(report),
  })
  return { store, order, reports, run: () => channel.run(of, { campaignId: 'c1' }, store) }
}

describe('a recalculation', () => {
  it('ends its intent in its own transaction, and wakes the waiting mails after it', async () => {
    const { run, store, order, reports } = fixtureOf({ is: 'done', because: null, rowsChanged: 3, durationMs: 5 })
    expect(await run()).toEqual({ is: 'ran', outcome: 'done', reason: null })
    expect(store.transactions).toMatchObject([{ settlement: { is: 'final', state: 'delivered' } }])
    expect(order).toEqual(['recalculate c1', 'wake c1 after 1 commits'])
    expect(reports).toEqual([{ campaignId: 'c1', because: null, rowsChanged: 3, durationMs: 7 }])
  })

  it('of a campaign that another holds waits, and wakes nobody', async () => {
    const { run, store, order, reports } = fixtureOf({ is: 'locked' })
    expect(await run()).toEqual({ is: 'ran', outcome: 'waiting', reason: 'campaign-locked' })
    expect(store.transactions).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'campaign-locked', afterMs: 50 } }])
    expect(order).toEqual(['recalculate c1'])
    expect(reports).toEqual([])
  })

  it.each([
    [10, 50],
    [300, 153],
    [60_000, 400],
  ])('of a campaign that is still held after %i ms is looked at again in %i', async (heldMs, afterMs) => {
    const waitingSince = new Date(createAutoAdvancingClock().now() - heldMs)
    const { run, store } = fixtureOf({ is: 'locked' }, { ...intent, reason: 'campaign-locked', waitingSince })
    await run()
    expect(store.transactions[0]?.settlement).toMatchObject({ afterMs: expect.closeTo(afterMs, -1) })
  })

  it('that meets a row of somebody else waits alone, hardly at all when it meets it again', async () => {
    const locked = new SqlError('lock timeout', { state: '55P03' })
    const first = fixtureOf(locked)
    expect(await first.run()).toEqual({ is: 'ran', outcome: 'waiting', reason: 'rows-locked' })
    expect(first.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'rows-locked', afterMs: 50 } }])
    expect(first.order).toEqual(['recalculate c1'])
    const waitingSince = new Date(createAutoAdvancingClock().now() - 60_000)
    const second = fixtureOf(locked, { ...intent, reason: 'rows-locked', waitingSince })
    await second.run()
    expect(second.order).toEqual(['recalculate c1 again'])
    expect(second.store.settled).toMatchObject([{ settlement: { afterMs: 400 } }])
  })

  it('that takes too long puts its campaign off, and says so', async () => {
    const { run, store, order, reports } = fixtureOf(new SqlError('statement timeout', { state: '57014' }), intent, { tookMs: 1_000 })
    expect(await run()).toEqual({ is: 'ran', outcome: 'waiting', reason: 'recalculation-too-slow' })
    expect(store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'recalculation-too-slow', afterMs: 4_000 } }])
    expect(order).toEqual(['recalculate c1', 'put off'])
    expect(reports).toEqual([{ campaignId: 'c1', deadlineMs: 1_000, nextTryMs: 4_000 }])
  })

  it('that somebody cancelled before its time is thrown, and puts nothing off', async () => {
    const { run, order } = fixtureOf(new SqlError('canceled', { state: '57014' }), intent, { tookMs: 999 })
    await expect(run()).rejects.toThrow('canceled')
    expect(order).toEqual(['recalculate c1'])
  })

  it('of a campaign that is put off waits for what is left, and tries nothing', async () => {
    const { run, store, order } = fixtureOf({ is: 'locked' }, intent, { leftMs: 321 })
    expect(await run()).toEqual({ is: 'ran', outcome: 'waiting', reason: 'recalculation-too-slow' })
    expect(store.transactions).toMatchObject([
      { settlement: { is: 'later', as: 'waiting', reason: 'recalculation-too-slow', afterMs: 321 } },
    ])
    expect(order).toEqual([])
  })

  it('whose claim is lost does nothing', async () => {
    const { run, store, order } = fixtureOf({ is: 'locked' })
    store.lost = true
    expect(await run()).toEqual({ is: 'lost' })
    expect(order).toEqual([])
  })

  it('that the database ends is thrown, unreported', async () => {
    const { run, order, reports } = fixtureOf(new SqlError('deadlock', { state: '40P01' }))
    await expect(run()).rejects.toThrow('deadlock')
    expect(order).toEqual(['recalculate c1'])
    expect(reports).toEqual([])
  })
})
