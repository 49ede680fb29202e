import { expect, test } from 'vitest'
import { broadcastState, createBroadcastScenario, expectBroadcastComplete } from '../support/broadcast-scenario.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a broadcast whose daemon is killed between two pages continues at its cursor: every eligible recipient gets one mail', async () => {
  await using fixture = await createFixture()
  const broadcast = await createBroadcastScenario(new Platform(fixture.sql), fixture, 3_000)
  const settings = { BROADCAST_PAGE_SIZE: '200', BROADCAST_MAX_PENDING: '400' }
  const first = fixture.daemon(settings)
  await first.ready()
  await broadcast.publish()
  await eventually('a third is sent', () => fixture.smtp.counters.mails > 1_000 || String(fixture.smtp.counters.mails))
  first.kill('SIGKILL')
  expect(await first.exited).toBe('SIGKILL')
  const cut = await broadcastState(fixture, broadcast)
  expect(cut.state).not.toBe('delivered')
  expect(cut.written).toBeLessThan(3_000)

  await fixture.daemon(settings).ready()
  await fixture.drained()
  await expectBroadcastComplete(fixture, broadcast)
})
