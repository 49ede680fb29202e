import { describe, expect, it } from 'vitest'
import { watchPressure } from '../../../src/ingest/backpressure.ts'
import { createFetchGate } from '../../../src/ingest/fetch-gate.ts'
import type { Fact } from '../../../src/model/fact.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

/** Plays one answer per look and ends; an Error is thrown. */
async function watch(answers: readonly (string | Error | null)[]) {
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

  it('ends with its signal, without another measurement', async () => {
    const ended = AbortSignal.abort()
    await watchPressure({
      pressure: async () => expect.unreachable(),
      fetchGate: { pause: () => expect.unreachable(), resume: () => expect.unreachable() },
      clock: createAutoAdvancingClock(),
      signal: ended,
      intervalMs: 1,
    })
    expect(ended.aborted).toBe(true)
  })
})
