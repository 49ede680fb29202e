import { expect, it } from 'vitest'
import { createGroupRunner } from '../../../src/ingest/group-runner.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { GroupStatus } from '../../../src/ingest/group-status.ts'
import { StartRefused } from '../../../src/ingest/start-offsets.ts'
import type { GroupRun } from '../../../src/ingest/group-worker.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** A group whose runs are controlled by the test. */
function fixtureOf() {
  const clock = createManualClock()
  const facts: Fact['is'][] = []
  const lives: { readonly known: ReadonlySet<number>; stopped: boolean }[] = []
  const log = { fault: null as Error | null }
  function begin(known: ReadonlySet<number>): GroupRun {
    const life = { known, stopped: false }
    lives.push(life)
    let state: GroupStatus['state'] = 'starting'
    const look = () => {
      if (log.fault instanceof StartRefused) state = 'refused'
      if (log.fault !== null) throw log.fault
    }
    return {
      async start() {
        state = 'running'
        try {
          look()
        } catch (error) {
          return String(error)
        }
        return null
      },
      async stop() {
        life.stopped = true
      },
      status: () => ({ state, reason: null, partitions: [] }),
      recheckProgress: async () => undefined,
      checkLog: async () => look(),
      seenPartitions: () => new Set([7]),
      lost: new Promise(() => undefined),
    }
  }
  const observe = (fact: Fact) => void facts.push(fact.is)
  const runner = createGroupRunner({ group: 'test-workers', createRun: begin, clock, observe, checkMs: 5_000 })
  async function pass(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await expect.poll(() => clock.sleeping).toEqual([5_000])
      clock.advance(5_000)
    }
    await expect.poll(() => clock.sleeping).toEqual([5_000])
  }
  return { runner, lives, log, facts, pass }
}

it('stops on a quiet topic too, and restarts with the partitions it has seen after two successful checks', async () => {
  const { runner, lives, log, facts, pass } = fixtureOf()
  expect(await runner.start()).toBeNull()
  await pass(3)
  expect(runner.status().state).toBe('running')
  log.fault = new StartRefused('the topic was recreated')
  await pass(2)
  expect(runner.status().state).toBe('refused')
  log.fault = null
  await pass(1)
  expect(lives).toHaveLength(1)
  await pass(1)
  expect(runner.status().state).toBe('running')
  expect(lives).toMatchObject([{ stopped: true }, { known: new Set([7]), stopped: false }])
  expect(facts.filter((is) => is === 'group-resumed')).toHaveLength(1)
  await runner.stop()
  expect(lives[1]?.stopped).toBe(true)
})

it('keeps its state while the check fails, and restarts after a refused start', async () => {
  const { runner, lives, log, pass } = fixtureOf()
  log.fault = new StartRefused('records are lost')
  expect(await runner.start()).toContain('records are lost')
  await pass(1)
  log.fault = new Error('no broker answers')
  await pass(3)
  expect(lives).toHaveLength(1)
  expect(runner.status().state).toBe('refused')
  log.fault = null
  await pass(2)
  expect(lives).toHaveLength(2)
  log.fault = new Error('no broker answers')
  await pass(2)
  expect(runner.status().state).toBe('running')
  await runner.stop()
})
