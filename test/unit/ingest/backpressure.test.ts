import { describe, expect, it } from 'vitest'
import { watchPressure } from '../../../src/ingest/backpressure.ts'
import { createFetchGate } from '../../../src/ingest/fetch-gate.ts'
import type { Fact } from '../../../src/model/fact.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

/** Plays one answer per measurement and ends; an Error is thrown. By default the group reads a batch in every interval. */
async function watch(answers: readonly (string | Error | null)[], { batchesRead }: { readonly batchesRead?: () => number } = {}) {
  let batches = 0
  const facts: Fact[] = []
  const calls: string[] = []
  const pausedAtCheck: boolean[] = []
  const ending = new AbortController()
  const clock = createAutoAdvancingClock()
  await watchPressure({
    pressure: async (paused) => {
      const answer = answers[pausedAtCheck.length] ?? null
      pausedAtCheck.push(paused)
      if (pausedAtCheck.length === answers.length) ending.abort()
      if (answer instanceof Error) throw answer
      return answer === null ? null : { reason: answer }
    },
    fetchGate: createFetchGate('test-workers', { pause: () => calls.push('pause'), resume: () => calls.push('resume') }, (fact) =>
      facts.push(fact),
    ),
    batchesRead: batchesRead ?? (() => (batches += 1)),
    clock,
    signal: ending.signal,
    intervalMs: 1_000,
  })
  return { facts: facts.map((fact) => fact.is), calls, pausedAtCheck, slept: clock.slept }
}

describe('backpressure', () => {
  it('pauses once and resumes once, at the lower watermark', async () => {
    const seen = await watch([null, 'intents-due', 'intents-due', null, null])
    expect(seen).toEqual({
      calls: ['pause', 'resume'],
      facts: ['paused', 'unpaused'],
      pausedAtCheck: [false, false, true, true, false],
      slept: [1_000, 1_000, 1_000, 1_000, 1_000],
    })
  })

  it('changes nothing when it cannot be measured', async () => {
    const away = new Error('database away')
    expect(await watch([away, null, away])).toMatchObject({ calls: [], facts: [] })
    expect(await watch(['intents-due', away, away])).toMatchObject({
      calls: ['pause'],
      facts: ['paused'],
      pausedAtCheck: [false, true, true],
    })
  })

  it('is measured in every fifth interval while nothing is read, and in the first one after a batch', async () => {
    const quiet = await watch([null, null, null], { batchesRead: () => 7 })
    expect(quiet.slept).toHaveLength(1 + 5 + 5)

    const batches = [0, 0, 1, 1, 1, 2]
    const woken = await watch([null, null, null], { batchesRead: () => batches.shift() ?? 2 })
    expect(woken.slept).toHaveLength(6)
  })

  it('is measured in every interval while it pauses the group, which reads nothing then', async () => {
    const paused = await watch(['intents-due', 'intents-due', 'intents-due', null], { batchesRead: () => 7 })
    expect(paused.slept).toHaveLength(4)
  })

  it('is measured again in the next interval when it could not be', async () => {
    const away = new Error('database away')
    const failed = await watch([away, away, null], { batchesRead: () => 7 })
    expect(failed.slept).toHaveLength(3)
  })

  it('ends with its signal, without another measurement', async () => {
    const ended = AbortSignal.abort()
    await watchPressure({
      pressure: async () => expect.unreachable(),
      fetchGate: { pause: () => expect.unreachable(), resume: () => expect.unreachable() },
      batchesRead: () => expect.unreachable(),
      clock: createAutoAdvancingClock(),
      signal: ended,
      intervalMs: 1,
    })
    expect(ended.aborted).toBe(true)
  })
})
