import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

const THINKING_MS = 200

/**
 * Fault: SIGTERM at random moments of a daemon's life under traffic, its start included, eight times.
 * Promise: The daemon exits with 0 within the grace period. Nothing is sent twice, and nothing is in doubt.
 */
test('SIGTERM at random moments: each stop is clean, and nothing is sent twice or in doubt', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 23,
    // Nothing is in doubt, or repeated, because this process was slow.
    variables: { MAIL_DEADLINE_MS: '20000', WEBHOOK_DEADLINE_MS: '20000' },
  })
  // The relay thinks about each mail, so that no stop finds all workers idle.
  fixture.base.smtp.respondWith(async (stage) => {
    if (stage === 'data') await pause(THINKING_MS)
    return undefined
  })
  const staying = fixture.daemon()
  await staying.ready()
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  for (let round = 0; round < 8; round++) {
    const daemon = fixture.daemon()
    await eventually('it has begun', () => daemon.lines.length > 0 || 'not a word')
    // How long it may live is what chance decides here.
    await pause(fixture.random.below(3_500))
    daemon.kill('SIGTERM')
    expect({ round, code: await daemon.exited }).toEqual({ round, code: 0 })
  }
  await traffic.stop()
  const { passed, figures } = await fixture.checkHistory()
  expect(passed).toBe(true)
  expect({ ...figures }).toMatchObject({ secondCopies: 0, ambiguousMails: 0, lost: 0, kills: 0 })
  expect(figures['webhookRepeats'] ?? 0).toBe(0)
})
