import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import type { FaultFixture } from './fault-fixture.ts'
import type { Failpoint } from './failpoints.ts'

/** One intent at a time, with a lease that outlives the scenario, so that each daemon is killed at a different intent. */
const ONE_INTENT_EACH = {
  KAFKA_WORKER_POOL_SIZE: '1',
  MAIL_DEADLINE_MS: '300000',
  WEBHOOK_DEADLINE_MS: '300000',
  LEADERBOARD_DEADLINE_MS: '300000',
}

export interface KilledDaemon {
  ready(): Promise<void>
  isOver(): boolean
  /** Waits until it is killed, and fails if it exits in another way. */
  killed(): Promise<void>
}

/** Starts a daemon of one group that is killed at a failpoint. */
export function startDaemonKilledAt(
  fixture: FaultFixture,
  group: string,
  killAt: Failpoint,
  variables: Readonly<Record<string, string>> = {},
): KilledDaemon {
  const failpoint = `${killAt.fact} of ${group}`
  const daemon = fixture.daemon({ KAFKA_GROUPS: group, ...ONE_INTENT_EACH, ...variables }, { killAt: { ...killAt, group } })
  return {
    ready: () => daemon.ready(),
    isOver: () => daemon.isOver(),
    async killed() {
      await eventually(`${failpoint} is reached`, () => daemon.isOver() || (daemon.lines.at(-1)?.msg ?? 'no log line yet'))
      expect({ last: daemon.lines.at(-1), code: await daemon.exited }).toMatchObject({ code: 'SIGKILL' })
      expect(daemon.other).toContain(`observed: SIGKILL at ${killAt.fact} of ${fixture.base.group(group)}`)
    },
  }
}

/** Starts such a daemon and waits until it is killed. */
export function killDaemonAt(...args: Parameters<typeof startDaemonKilledAt>): Promise<void> {
  const [fixture, group, { fact }] = args
  return fixture.fault(`a daemon is killed at ${fact} of ${group}`, ['daemon'], () => startDaemonKilledAt(...args).killed())
}
