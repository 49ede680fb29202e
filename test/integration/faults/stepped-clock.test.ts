import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFixture } from '../../support/fixture.ts'

const HOUR_MS = 3_600_000

test('the wall clock of one daemon alone is set forward and back', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'reward-workers' }, { steppableClock: true })
  await daemon.ready()
  for (const [step, stands] of [
    [HOUR_MS, HOUR_MS],
    [-2 * HOUR_MS, -HOUR_MS],
  ] as const) {
    await daemon.stepClock(step)
    const from = daemon.lines.length
    const shift = () => Date.parse(String(daemon.lines[from]?.['time'])) - Date.now()
    // On SIGUSR2 it writes what it does.
    daemon.kill('SIGUSR2')
    await eventually('it writes a line', () => daemon.lines.length > from || 'nothing yet')
    expect(Math.round(shift() / HOUR_MS) * HOUR_MS).toBe(stands)
  }
  expect(daemon.other).toEqual([])
})
