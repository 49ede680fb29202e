import { describe, expect, it } from 'vitest'
import type { DueWork } from '../../../../src/admin/lag/lag-ports.ts'
import type { LagWord } from '../../../../src/admin/lag/lag-verdict.ts'
import { scalableBacklog } from '../../../../src/admin/lag/scalable-backlog.ts'

const partitions = (...all: readonly (readonly [number, LagWord])[]) => all.map(([lag, word]) => ({ lag: BigInt(lag), word }))
const due = (channel: string, count: number, campaignCount = 1): DueWork => ({ channel, count, campaignCount, oldestMs: 1, campaigns: [] })
const away: ReadonlySet<string> = new Set(['email'])

describe('the number for autoscalers', () => {
  it.each([
    ['nothing to do', partitions([0, 'ok'], [0, 'ok']), [], 0],
    ['lag that is spread', partitions([100, 'falling-behind'], [80, 'catching-up'], [70, 'ok']), [], 250],
    ['a hot partition, which one process reads', partitions([1_000, 'falling-behind'], [10, 'ok'], [5, 'ok']), [], 30],
    ['only one partition: one process does it all, and is needed', partitions([1_000, 'falling-behind'], [0, 'ok']), [], 1],
    ['a partition without a member', partitions([40, 'no-member'], [60, 'no-member']), [], 80],
    ['a poison event in front of a partition', partitions([500, 'stalled'], [10, 'ok'], [10, 'ok']), [], 20],
    ['a pause', partitions([500, 'paused'], [500, 'paused']), [], 0],
    ['a pause for its own backlog', partitions([500, 'paused'], [500, 'paused']).map((one) => ({ ...one, isForBacklog: true })), [], 1_000],
    ['a breaker', partitions([500, 'breaker-open'], [500, 'breaker-open']), [], 0],
    ['records that were deleted', partitions([500, 'data-lost'], [500, 'data-lost']), [], 0],
    ['due intents when Kafka has no lag', partitions([0, 'ok']), [due('webhook', 300)], 300],
    ['due intents behind the open breaker of the relay', partitions([0, 'ok']), [due('email', 300), due('webhook', 7)], 7],
    ['recalculations, one campaign at a time', partitions([0, 'ok']), [due('leaderboard', 300, 2)], 2],
    ['both parts', partitions([50, 'ok'], [50, 'ok']), [due('webhook', 5), due('leaderboard', 9, 3)], 108],
  ] as const)('%s', (_, all, work, expected) => {
    const channels = { isBlocked: (channel: string) => away.has(channel), isSerial: (channel: string) => channel === 'leaderboard' }
    expect(scalableBacklog(all, work, channels)).toBe(expected)
  })
})
