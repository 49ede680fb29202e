import { describe, expect, it } from 'vitest'
import { createUnpackBudget, type UnpackShare } from '../../../../../src/infra/kafka/records/unpack-budget.ts'

/** Requests `bytes`, and returns whether they were granted so far. */
function request(share: UnpackShare, bytes: number) {
  const controller = new AbortController()
  const grant = { state: 'waits' as 'waits' | 'holds' | 'given up', giveBack: () => undefined as void, abort: () => controller.abort() }
  void share.acquire(bytes, controller.signal).then((giveBack) => {
    grant.state = giveBack === null ? 'given up' : 'holds'
    if (giveBack !== null) grant.giveBack = giveBack
  })
  return grant
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('the budget of unpacked bytes', () => {
  it('gives a group half of the limit, and the others the rest', async () => {
    const budget = createUnpackBudget(100)
    const [a, b, c] = [budget.share(), budget.share(), budget.share()]
    const requests = [request(a, 25), request(a, 25), request(a, 25), request(b, 25), request(b, 25), request(c, 25), request(c, 25)]
    await settled()
    // The last group has its one, though the others hold all.
    expect(requests.map(({ state }) => state)).toEqual(['holds', 'holds', 'waits', 'holds', 'holds', 'holds', 'waits'])
  })

  it('grants more than the limit to a group that holds nothing', async () => {
    const share = createUnpackBudget(100).share()
    const [large, small] = [request(share, 500), request(share, 1)]
    await settled()
    expect([large.state, small.state]).toEqual(['holds', 'waits'])
    large.giveBack()
    await settled()
    expect(small.state).toBe('holds')
  })

  it('serves a group in order of arrival, so that a large request is not starved', async () => {
    const share = createUnpackBudget(100).share()
    const [first, second, large, small] = [request(share, 20), request(share, 20), request(share, 40), request(share, 10)]
    first.giveBack()
    await settled()
    expect([large.state, small.state]).toEqual(['waits', 'waits'])
    first.giveBack()
    second.giveBack()
    await settled()
    expect([large.state, small.state]).toEqual(['holds', 'holds'])
  })

  it('forgets aborted waiters, and grants nothing to a request whose signal has aborted', async () => {
    const share = createUnpackBudget(100).share()
    const [held, large, small] = [request(share, 30), request(share, 60), request(share, 10)]
    await settled()
    large.abort()
    await settled()
    expect([held.state, large.state, small.state]).toEqual(['holds', 'given up', 'holds'])
    expect(await share.acquire(1, AbortSignal.abort())).toBeNull()
  })

  it('counts a double release once', async () => {
    const share = createUnpackBudget(100).share()
    const [first, second, third] = [request(share, 25), request(share, 25), request(share, 25)]
    await settled()
    first.giveBack()
    first.giveBack()
    await settled()
    const fourth = request(share, 25)
    await settled()
    expect([second.state, third.state, fourth.state]).toEqual(['holds', 'holds', 'waits'])
  })

  it('never leaves a request waiting forever', async () => {
    const budget = createUnpackBudget(64)
    const shares = [budget.share(), budget.share(), budget.share()]
    let held = 0
    const work = Array.from({ length: 300 }, async (_, index) => {
      const giveBack = await shares[index % 3]?.acquire((index * 37) % 90, new AbortController().signal)
      held += 1
      await settled()
      giveBack?.()
    })
    await Promise.all(work)
    expect(held).toBe(300)
  })
})
