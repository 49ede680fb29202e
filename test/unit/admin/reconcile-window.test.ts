import { describe, expect, it } from 'vitest'
import { behindSentences, compareWindow, groupsBehind, type Behind } from '../../../src/admin/reconcile-window.ts'
import { before, NOW, pauseFact } from '../../support/timeline-facts.ts'

const MINUTE_MS = 60_000
const behind: Behind = { id: 'stage.email-workers', since: before(20), paused: null }
const windowOf = (chosen: { since?: Date; until?: Date } = {}, ...some: readonly Behind[]) =>
  compareWindow(
    { oldestOutcome: async () => before(600) },
    { since: chosen.since ?? null, until: chosen.until ?? null },
    { now: NOW, dedupeDays: 30, behind: some },
  )

describe('the window that is compared', () => {
  it('ends five minutes ago, or as chosen, but before the oldest record that a group has not read', async () => {
    expect(await windowOf()).toEqual({ since: before(600), until: before(5) })
    expect(await windowOf({ until: before(0) })).toEqual({ since: before(600), until: before(0) })
    for (const chosen of [{}, { until: before(0) }])
      expect(await windowOf(chosen, { ...behind, since: before(1) }, behind)).toEqual({ since: before(600), until: before(25) })
    expect(await windowOf({ until: before(30) }, behind)).toEqual({ since: before(600), until: before(30) })
  })

  it('says for which group it ends early, and what keeps that group from reading', async () => {
    const window = { since: before(600), until: before(25) }
    expect(
      behindSentences(
        [
          { ...behind, since: before(1) },
          { ...behind, paused: 'it is paused by ops' },
        ],
        window,
      ),
    ).toEqual([
      `stage.email-workers has unread records since ${before(20).toISOString()} (it is paused by ops): facts from 5 minutes before that on are not compared, because their events may be among them.`,
    ])
    expect(behindSentences([behind], { ...window, until: before(30) })).toEqual([])
    await expect(windowOf({ since: before(22) }, behind)).rejects.toThrow(
      /^Nothing can be compared yet: stage\.email-workers has unread records since/,
    )
    await expect(windowOf({ since: before(2) })).rejects.toThrow(/^Nothing can be compared: the window would begin/)
    await expect(windowOf({ since: before(60 * 24 * 31) })).rejects.toThrow(/^--since is before the retention of outcomes/)
  })
})

it('a group is behind from its oldest unread record on, which may have been deleted up to the beginning of the log', async () => {
  /** Partition 0 from offset 10 to 20, whose records are a minute apart; partition 1 is empty. */
  const log = {
    ranges: async () => new Map([[0, { low: 10n, high: 20n }], [1, { low: 0n, high: 0n }]]), // prettier-ignore
    offsetsAt: async (_: string, at: Date) =>
      new Map([[0, BigInt(Math.min(20, Math.max(10, 20 - Math.floor((NOW - at.getTime()) / MINUTE_MS))))]]),
  }
  const behindAt = (next: bigint | null) =>
    groupsBehind([{ id: 'stage.email-workers', topic: 't' }], {
      log,
      progress: { readProgress: async () => (next === null ? [] : [{ partition: 0, next, exemptBelow: 0n, updatedAt: before(0) }]) },
      pauses: [pauseFact('group', 'stage.email-workers', 'stage.email-workers')],
      now: NOW,
      dedupeDays: 30,
    })
  expect(await behindAt(20n)).toEqual([])
  for (const next of [15n, 3n, null]) {
    const [found] = await behindAt(next)
    expect(found).toMatchObject({ id: 'stage.email-workers', paused: expect.stringContaining('paused by ops') })
    const minutes = (NOW - (found?.since.getTime() ?? 0)) / MINUTE_MS
    expect(Math.round(minutes)).toBe(next === 15n ? 5 : 10)
  }
})
