import { describe, expect, it } from 'vitest'
import { createLagMonitor } from '../../../../src/admin/lag/lag-monitor.ts'
import { publishLag } from '../../../../src/daemon/lag-view.ts'
import { createMetrics } from '../../../../src/infra/telemetry/metrics.ts'
import { LogAccessRefused, type PartitionRange } from '../../../../src/ingest/log-admin.ts'

/** A Kafka admin with results that the test sets, and a clock that the test moves. */
function setUp(groups = [{ id: 'stage.email-workers', topic: 'domain-events' }]) {
  const calls: string[] = []
  const errors: unknown[] = []
  const state = {
    now: 1_000_000,
    committed: new Map<number, bigint>(),
    ranges: new Map<number, PartitionRange>(),
    failure: null as Error | null,
    /** Topics whose ends may not be read. */
    hidden: new Set<string>(),
  }
  const monitor = createLagMonitor({
    groups,
    intervalMs: 10_000,
    onError: (error) => errors.push(error),
    clock: { now: () => 0, monotonic: () => state.now, sleep: () => new Promise(() => {}) },
    admin: {
      committed: (group) => {
        calls.push(`committed ${group}`)
        return state.failure ? Promise.reject(state.failure) : Promise.resolve(new Map(state.committed))
      },
      ranges: (topic) => {
        calls.push(`ranges ${topic}`)
        if (state.hidden.has(topic)) return Promise.reject(new LogAccessRefused(`no right on ${topic}`))
        return Promise.resolve(new Map(state.ranges))
      },
    },
  })
  const group = () => monitor.latest()?.groups.get('stage.email-workers')
  return { calls, errors, state, monitor, group }
}

describe('the lag monitor', () => {
  it('reads commits first, so that the lag of a busy topic is never negative, then the ends once', async () => {
    const { calls, monitor } = setUp()
    await monitor.measure()
    expect(calls).toEqual(['committed stage.email-workers', 'ranges domain-events'])
  })

  it('reads the ends of each topic, and one that may not be read hides no other', async () => {
    const groups = [
      { id: 'email-workers', topic: 'domain-events' },
      { id: 'export-workers', topic: 'audit-events' },
    ]
    const { state, errors, monitor } = setUp(groups)
    state.ranges = new Map([[0, { low: 0n, high: 3n }]])
    await monitor.measure()
    expect([...(monitor.latest()?.groups ?? [])].map(([id, { topic, total }]) => [id, topic, total])).toEqual([
      ['email-workers', 'domain-events', 3n],
      ['export-workers', 'audit-events', 3n],
    ])
    state.hidden.add('audit-events')
    await monitor.measure()
    expect([...(monitor.latest()?.groups.keys() ?? [])]).toEqual(['email-workers'])
    expect(errors).toEqual([])
    state.hidden.add('domain-events')
    await monitor.measure()
    expect(errors).toHaveLength(1)
  })

  it('is measured per partition: the whole log without a commit, nothing beyond the end', async () => {
    const { state, monitor, group } = setUp()
    state.ranges = new Map([
      [10, { low: 0n, high: 9_007_199_254_740_993n }],
      [2, { low: 5n, high: 30n }],
      [0, { low: 0n, high: 3n }],
    ])
    state.committed = new Map([
      [0, 7n],
      [10, 1n],
    ])
    await monitor.measure()
    expect(group()?.partitions.get(2)).toEqual({ low: 5n, high: 30n, committed: null, lag: 25n, secondsBehind: 0 })
    expect(group()?.partitions.get(10)?.lag).toBe(9_007_199_254_740_992n)
    expect(group()?.partitions.get(0)?.lag).toBe(0n)
    expect(group()?.total).toBe(9_007_199_254_741_017n)
  })

  it('derives the seconds behind from the time of the oldest unread record', async () => {
    const { state, monitor, group } = setUp()
    const measureAt = async (seconds: number, high: bigint, committed: bigint) => {
      state.now = 1_000_000 + seconds * 1000
      state.ranges = new Map([[0, { low: 0n, high }]])
      state.committed = new Map([[0, committed]])
      await monitor.measure()
      return group()?.secondsBehind
    }
    expect(await measureAt(0, 100n, 100n)).toBe(0)
    expect(await measureAt(10, 100n, 100n)).toBe(0)
    expect(await measureAt(20, 100n, 100n)).toBe(0)
    // Written between 20 and 30, not since the last change at 0.
    expect(await measureAt(30, 200n, 100n)).toBe(10)
    expect(await measureAt(40, 200n, 150n)).toBe(15)
    expect(await measureAt(50, 200n, 200n)).toBe(0)
    // Older than the history: as long as we have watched.
    expect(await measureAt(60, 200n, 20n)).toBe(60)
  })

  it('reports only the first error of an outage, keeps the last values for a while and recovers', async () => {
    const { errors, state, monitor, group } = setUp()
    state.ranges = new Map([[0, { low: 0n, high: 3n }]])
    await monitor.measure()
    state.failure = new Error('away')
    await monitor.measure()
    await monitor.measure()
    expect(errors).toHaveLength(1)
    expect(group()?.total).toBe(3n)
    state.now += 30_001
    expect(monitor.latest()).toBeNull()
    state.failure = null
    await monitor.measure()
    expect(group()?.total).toBe(3n)
    state.failure = new Error('away again')
    await monitor.measure()
    expect(errors).toHaveLength(2)
  })

  it('measures once started, however often, and drops results after stop', async () => {
    const { calls, state, monitor } = setUp()
    monitor.start()
    monitor.start()
    await expect.poll(() => monitor.latest()).not.toBeNull()
    expect(calls).toHaveLength(2)
    state.ranges = new Map([[0, { low: 0n, high: 3n }]])
    const late = monitor.measure()
    monitor.stop()
    await late
    expect(monitor.latest()?.groups.get('stage.email-workers')?.total).toBe(0n)
  })

  it('is published under the names dashboards expect, and removed when it is outdated', async () => {
    const { state, monitor } = setUp()
    const metrics = createMetrics({ version: '1.2.3' })
    publishLag(metrics, monitor)
    state.ranges = new Map([[3, { low: 0n, high: 7n }]])
    state.committed = new Map([[3, 5n]])
    await monitor.measure()
    const text = await metrics.render()
    expect(text).toContain('kafka_consumergroup_lag{consumergroup="stage.email-workers",topic="domain-events",partition="3"} 2')
    expect(text).toContain('kafka_consumergroup_group_lag_seconds{consumergroup="stage.email-workers"} 0')
    expect(text).toContain('kafka_consumergroup_lag_seconds{consumergroup="stage.email-workers",topic="domain-events",partition="3"} 0')
    state.now += 60_000
    expect(await metrics.render()).not.toContain('kafka_consumergroup_lag{')
    metrics.close()
  })
})
