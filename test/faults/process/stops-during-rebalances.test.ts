import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: Under traffic a daemon joins. While the others give up their partitions for it, one of them is stopped (SIGTERM), and the new
 * daemon replaces it; four times.
 * Promise: Each stop in the middle of a rebalance is clean, and nothing is repeated or in doubt.
 */
test('daemons stopped while partitions move: every stop is clean, and nothing is sent twice or in doubt', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 24,
    // Nothing is in doubt, or repeated, because this process was slow.
    variables: { MAIL_DEADLINE_MS: '20000', WEBHOOK_DEADLINE_MS: '20000' },
  })
  const staying = fixture.daemon()
  let leaving = fixture.daemon()
  await Promise.all([staying.ready(), leaving.ready()])
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  for (let round = 0; round < 4; round++) {
    const given = () => leaving.lines.filter(({ msg }) => msg === 'assignment ended').length
    const before = given()
    const joining = fixture.daemon()
    await eventually('partitions move', () => given() > before || 'not yet')
    leaving.kill('SIGTERM')
    expect({ round, code: await leaving.exited }).toEqual({ round, code: 0 })
    await joining.ready()
    leaving = joining
  }
  await traffic.stop()
  const { passed, figures } = await fixture.checkHistory()
  expect(passed).toBe(true)
  expect({ ...figures }).toMatchObject({ secondCopies: 0, ambiguousMails: 0, lost: 0, kills: 0 })
  expect(figures['webhookRepeats'] ?? 0).toBe(0)
})
