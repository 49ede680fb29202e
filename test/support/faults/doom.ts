import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import type { FaultScene } from './fault-scene.ts'
import type { Moment } from './moments.ts'

/** One intent at a time, with a lease that outlives the scenario, so that each of several daemons dies of another intent. */
const ONE_EACH = {
  KAFKA_WORKER_POOL_SIZE: '1',
  MAIL_DEADLINE_MS: '300000',
  WEBHOOK_DEADLINE_MS: '300000',
  LEADERBOARD_DEADLINE_MS: '300000',
}

export interface Doomed {
  ready(): Promise<void>
  isOver(): boolean
  /** Waits for its end, which has to be the one that it was started for. */
  killed(): Promise<void>
}

/** Starts a daemon of one group that is killed at a moment. */
export function startDoomed(scene: FaultScene, group: string, killAt: Moment, variables: Readonly<Record<string, string>> = {}): Doomed {
  const what = `${killAt.fact} of ${group}`
  const daemon = scene.daemon({ KAFKA_GROUPS: group, ...ONE_EACH, ...variables }, { killAt: { ...killAt, group } })
  return {
    ready: () => daemon.ready(),
    isOver: () => daemon.isOver(),
    async killed() {
      await eventually(`${what} is reached`, () => daemon.isOver() || (daemon.lines.at(-1)?.msg ?? 'it says nothing yet'))
      expect({ last: daemon.lines.at(-1), code: await daemon.exited }).toMatchObject({ code: 'SIGKILL' })
      expect(daemon.other).toContain(`observed: SIGKILL at ${killAt.fact} of ${scene.scene.group(group)}`)
    },
  }
}

/** The same, from the start to the end. */
export function doom(...as: Parameters<typeof startDoomed>): Promise<void> {
  const [scene, group, { fact }] = as
  return scene.fault(`a daemon is killed at ${fact} of ${group}`, ['daemon'], () => startDoomed(...as).killed())
}
