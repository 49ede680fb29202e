import { expect, it } from 'vitest'
import { createSimulator } from '../../../cmd/demo/simulator.ts'
import type { Publication, Step, Write } from '../../../cmd/demo/step.ts'

const verify = (personId: string): Write => ({ is: 'verify', personId })
const signedUp = (userId: string): Publication => ({
  is: 'event',
  event: { type: 'user.signed_up', accountId: 'a', campaignId: 'c', userId, email: 'guest@example.com' },
})
const step = (who: string, timing: Step['timing'] = 'usual'): Step => ({ writes: [verify(who)], publications: [signedUp(who)], timing })

/** What the platform and the broker see, in its order. */
async function play(steps: readonly Step[]) {
  const seen: string[] = []
  const at: number[] = []
  const simulator = createSimulator({
    writer: {
      begin: () => Promise.resolve(),
      write: async (writes, moment) => {
        if (writes.length === 0) return
        seen.push(`commit ${writes.map((write) => ('personId' in write ? write.personId : '')).join(' ')}`)
        at.push(moment.getTime())
      },
    },
    publisher: {
      publishMany: async (events) => {
        seen.push(`publish ${events.map((event) => ('userId' in event ? event.userId : '')).join(' ')}`)
        return []
      },
    },
    transport: { send: async (topic, messages) => void seen.push(`${topic} ${messages.length}`) },
    topic: 'domain-events',
    now: () => 1_000,
  })
  await simulator.play(steps)
  return { seen, at, acknowledged: simulator.acknowledged, dayOf: simulator.dayOf }
}

it('commits before it publishes, many steps in one batch', async () => {
  const { seen, acknowledged } = await play([step('a'), step('b')])
  expect(seen).toEqual(['commit a b', 'publish a b'])
  expect(acknowledged).toBe(2)
})

it('publishes a late step before its commit, and commits it before anything that follows', async () => {
  const { seen } = await play([step('a'), step('b', 'late'), step('c')])
  expect(seen).toEqual(['commit a', 'publish a b', 'commit b', 'commit c', 'publish c'])
})

it('gives a step that is alone a timestamp of its own, after all earlier and before all later steps', async () => {
  const { seen, at } = await play([step('a'), step('b', 'alone'), step('c')])
  expect(seen).toEqual(['commit a', 'publish a', 'commit b', 'publish b', 'commit c', 'publish c'])
  expect(at).toEqual([1_000, 1_001, 1_002])
})

it('knows the day of what it played', async () => {
  const played = step('a')
  const { dayOf } = await play([played])
  expect(dayOf(played)).toBe('1970-01-01')
  expect(() => dayOf(step('a'))).toThrow('The step was not played.')
})

it('sends bad records unchanged, and counts them', async () => {
  const record = { kind: 'not-json', campaignId: 'c', accountId: 'a', eventId: 'e', personId: 'p' } as const
  const { seen, acknowledged } = await play([{ writes: [], publications: [{ is: 'bad', record }], timing: 'usual' }])
  expect(seen).toEqual(['publish ', 'domain-events 1'])
  expect(acknowledged).toBe(1)
})
