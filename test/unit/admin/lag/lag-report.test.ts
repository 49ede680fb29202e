import { describe, expect, it } from 'vitest'
import type { GroupLag } from '../../../../src/admin/lag/lag-monitor.ts'
import type { ChannelWords, GroupInside, Member } from '../../../../src/admin/lag/lag-ports.ts'
import type { Pause } from '../../../../src/model/pause.ts'
import { MOST_PARTITIONS, reportLag, type GroupObservation, type ProcessView } from '../../../../src/admin/lag/lag-report.ts'

const group = 'stage.email-workers'
const channels: readonly ChannelWords[] = [
  { name: 'email', sole: 'relay', destination: 'SMTP relay', deliveries: 'mails', isSerial: false },
  { name: 'leaderboard', sole: null, destination: 'leaderboard', deliveries: 'leaderboard', isSerial: true },
]
const member = (partitions: readonly number[]): Member => ({ memberId: 'm', clientId: 'c', address: '10.0.0.1', host: 'one', pid: 7, partitions }) // prettier-ignore
const nothingInside: GroupInside = { due: [], away: [], slow: [], idleMs: new Map() }
const process: ProcessView = { stopped: null, paused: [], waiting: null, blocked: null }

const range = (lag: number) => ({ low: 0n, high: 100n + BigInt(lag), committed: 100n })

/** Partitions 0, 1, ... with these lags, which nobody has read for a minute. */
function seen(lags: readonly number[], more: Partial<GroupObservation> = {}): GroupObservation {
  const partitions = new Map(lags.map((lag, index) => [index, { ...range(lag), lag: BigInt(lag), secondsBehind: lag === 0 ? 0 : 60 }]))
  const lag: GroupLag = { topic: 'domain-events', total: BigInt(lags.reduce((sum, one) => sum + one, 0)), secondsBehind: 60, partitions }
  const samples = new Map(lags.map((one, index) => [index, [0, 30_000, 60_000].map((at) => ({ at, ...range(one) }))]))
  const heads = new Map(lags.map((_, index) => [index, { offset: 100n, timestamp: 0, type: 'user.signed_up', eventId: `e-${index}` }]))
  const members = [member(lags.map((_, index) => index))]
  return { group, topic: 'domain-events', lag, samples, members, heads, inside: nothingInside, blocked: [], pauses: [], ...more }
}

const pauseOf = (scope: Pause['scope'], target: string, of: string | null = group): Pause => ({
  id: '1',
  scope,
  group: of,
  target,
  owner: 'an operator',
  because: 'import',
  since: new Date(0),
  until: null,
})
const due = (channel: string, count: number) => ({ channel, count, campaignCount: 1, oldestMs: 200_000, campaigns: [] })
const away = { channel: 'email', destination: 'relay', reason: 'relay-credentials-refused', since: new Date(0), waiting: 0 }

const backlogWhile = (paused: readonly string[]) => reportLag(seen([40, 40]), channels, 0, { ...process, paused }).scalableBacklog

/** Since when the only partition stands still, whose group last moved so long ago. */
const still = (more: Partial<GroupObservation> = {}, idleMs = 20_000) => {
  const inside = { ...nothingInside, idleMs: new Map([[0, idleMs]]) }
  return reportLag(seen([40], { inside, ...more }), channels, 90_000).partitions[0]?.stillSince ?? null
}

describe('the report on the lag of a group', () => {
  it('names owner and next record of a partition that stands still, and the cause', () => {
    const report = reportLag(seen([0, 40]), channels, 90_000)
    expect(report).toMatchObject({ group, lag: 40n, secondsBehind: 90, members: 1, scalableBacklog: 0, partitionCount: 2 })
    expect(report.verdict).toEqual({ word: 'stalled', sentence: 'Partition 1: Behind by 40 records, and nothing was read for 60 s.' })
    expect(report.cause).toEqual({ is: 'event', sentence: 'Nothing behind offset 100 of partition 1 (user.signed_up, event e-1) is read.' })
    expect(report.partitions[0]).toMatchObject({ partition: 1, next: { offset: 100n, eventId: 'e-1' }, owner: { host: 'one', pid: 7 } })
    expect(report.partitions[1]).toMatchObject({ partition: 0, next: null, secondsBehind: 0 })
  })

  it('says since when a partition stands still that a process has: neither one that is idle or paused, nor a record that has just come', () => {
    expect(still()).toEqual(new Date(70_000))
    expect(still({}, 14_000)).toBeNull()
    expect(still({ members: [] })).toBeNull()
    expect(still({ pauses: [pauseOf('group', group)] })).toBeNull()
    const before = { at: 0, low: 0n, high: 100n, committed: 100n }
    expect(still({ samples: new Map([[0, [before, { ...before, at: 2_000, high: 101n }]]]) })).toBeNull()
  })

  it.each([
    ['the group', pauseOf('group', group), 'paused', 0],
    ['all its partitions', pauseOf('partition', '0'), 'paused', 0],
    ['another group', pauseOf('group', 'position-workers', 'position-workers'), 'stalled', 0],
  ] as const)('honours a pause of %s', (_, pause, word, backlog) => {
    const report = reportLag(seen([40], { pauses: [pause] }), channels, 90_000)
    expect([report.verdict.word, report.scalableBacklog]).toEqual([word, backlog])
    expect(report.cause?.pause?.owner ?? null).toBe(word === 'paused' ? 'an operator' : null)
  })

  it('counts no due intents of a channel that is paused or whose only destination is away', () => {
    const inside = { ...nothingInside, due: [due('email', 30), due('leaderboard', 9)] }
    const backlog = (more: Partial<GroupObservation>) => reportLag(seen([0], { inside, ...more }), channels, 0).scalableBacklog
    expect(backlog({})).toBe(31)
    expect(backlog({ pauses: [pauseOf('channel', 'email')] })).toBe(1)
    expect(backlog({ inside: { ...inside, away: [away] } })).toBe(1)
  })

  it('names the only destination from the record of breakers, where no daemon says more', () => {
    const report = reportLag(seen([0], { inside: { ...nothingInside, due: [due('email', 3)], away: [away] } }), channels, 0)
    expect(report.verdict.word).toBe('breaker-open')
    expect(report.cause).toEqual({
      is: 'destination',
      destination: 'relay',
      sentence: 'Mails wait: the SMTP relay has accepted none since 1970-01-01T00:00:00.000Z (relay-credentials-refused).',
    })
  })

  it('counts the lag of a group that waits for its own backlog, and none of one that its crash-loop breaker has paused', () => {
    expect(backlogWhile(['intents-due'])).toBe(80)
    expect(backlogWhile(['intents-due', 'equal-failures'])).toBe(0)
  })

  it('knows no backlog while the database does not answer, and no figures while Kafka does not', () => {
    expect(reportLag(seen([40], { inside: null }), channels, 0)).toMatchObject({ scalableBacklog: null, due: null, lag: 40n })
    expect(reportLag(seen([], { lag: null, members: null }), channels, 0)).toMatchObject({
      lag: null,
      members: null,
      scalableBacklog: null,
    })
  })

  it('lets the partition that is furthest behind speak for a group whose partitions share a verdict', () => {
    const paused = reportLag(seen([0, 7, 692], { pauses: [pauseOf('group', group)] }), channels, 90_000)
    expect(paused.verdict).toEqual({
      word: 'paused',
      sentence: '3 partitions, the worst being 2: Behind by 692 records because it is paused by an operator (import) until it is resumed.',
    })
    expect(reportLag(seen([7, 692]), channels, 90_000)).toMatchObject({
      verdict: { sentence: '2 partitions, the worst being 1: Behind by 692 records, and nothing was read for 60 s.' },
      cause: { sentence: 'Nothing behind offset 100 of partition 1 (user.signed_up, event e-1) is read.' },
    })
  })

  it('lists a bounded number of partitions, the worst first', () => {
    const report = reportLag(seen(Array.from({ length: 300 }, (_, index) => index)), channels, 0)
    expect(report.partitions).toHaveLength(MOST_PARTITIONS)
    expect(report.partitionCount).toBe(300)
    expect(report.partitions[0]?.partition).toBe(299)
  })

  it('is that of the operator for a group that was stopped', () => {
    const report = reportLag(seen([40]), channels, 0, { ...process, stopped: 'Records are lost.' })
    expect(report).toMatchObject({
      verdict: { word: 'stopped', sentence: 'Records are lost.' },
      cause: { is: 'stopped' },
      scalableBacklog: 0,
    })
  })
})
