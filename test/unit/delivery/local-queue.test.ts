import { describe, expect, it } from 'vitest'
import { LocalQueue } from '../../../src/delivery/local-queue.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

/** Runs nothing by itself: each intent ends when the test says. */
function heldOf(poolSize: number) {
  const ends = new Map<string, () => void>()
  const freed: string[] = []
  const held = new LocalQueue(
    poolSize,
    ({ id }) => new Promise((resolve) => ends.set(id, resolve)),
    ({ id }) => freed.push(id),
  )
  const add = (...ids: string[]) => held.add(ids.map((id) => sampleIntent({ id, campaignId: id.slice(0, 1), destination: id.slice(0, 1) })))
  const end = async (id: string) => {
    ends.get(id)?.()
    ends.delete(id)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  return { held, add, end, freed, running: () => [...ends.keys()] }
}

describe('held intents', () => {
  it('run first come, first served, and no campaign has more than half of the workers while others may wait', async () => {
    const { held, add, end, running, freed } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4')
    expect(running()).toEqual(['a1', 'a2'])
    expect(held.campaignsAtShare).toEqual(['a'])
    add('b1')
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    await end('a1')
    expect(running()).toEqual(['a2', 'b1', 'a3'])
    expect(freed).toEqual(['a1'])
  })

  it('of one account have no more than half either, over all its campaigns, as soon as that is known', async () => {
    const { held, add, end, running } = heldOf(4)
    add('a1', 'b1', 'c1')
    expect(held.campaignsOfUnknownAccount()).toEqual(['a', 'b', 'c'])
    held.learnAccounts(['a', 'b', 'c', 'd'], new Map(['a', 'b', 'c'].map((campaign) => [campaign, 'account'])))
    expect([held.campaignsOfUnknownAccount(), held.campaignsAtShare, held.accountsAtShare]).toEqual([[], [], ['account']])
    add('a2', 'd1', 'd2')
    expect(running()).toEqual(['a1', 'b1', 'c1', 'd1'])
    await end('a1')
    expect(running()).toEqual(['b1', 'c1', 'd1', 'd2'])
    await end('b1')
    expect(running()).toEqual(['c1', 'd1', 'd2', 'a2'])
  })

  it('are taken out where workers are free and their campaigns have their share, and nowhere else', () => {
    const { held, add, running } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4', 'b1')
    expect(held.take(held.blocked).map(({ id }) => id)).toEqual(['a3', 'a4'])
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    expect([held.size, held.campaignsAtShare]).toEqual([3, ['a']])
    add('a5', 'b2', 'b3')
    expect(held.take(held.blocked)).toEqual([])
    expect(held.size).toBe(6)
  })

  it('of one campaign have all workers when nobody else waits', () => {
    const { held, add, running } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4', 'a5')
    held.alone = true
    held.fill()
    expect(running()).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('are counted by campaign, channel and destination', async () => {
    const { held, add, end } = heldOf(2)
    add('a1', 'a2', 'b1')
    expect([held.size, held.ofChannel('email'), held.ofChannel('webhook')]).toEqual([3, 3, 0])
    expect([held.boundFor('email', 'a'), held.boundFor('webhook', 'a')]).toEqual([2, 0])
    expect([held.waitingFor('email'), held.waitingFor('webhook')]).toEqual([['a'], []])
    expect(held.perCampaign()).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    )
    expect(held.take(held.waiting).map(({ id }) => id)).toEqual(['a2'])
    const idle = held.idle()
    await end('a1')
    await end('b1')
    await idle
    expect([held.size, held.campaignsAtShare, held.perCampaign().size]).toEqual([0, [], 0])
  })

  it('of a single worker are not shared', () => {
    const { held, add, running } = heldOf(1)
    add('a1', 'a2')
    expect([held.campaignsAtShare, running()]).toEqual([[], ['a1']])
  })
})
