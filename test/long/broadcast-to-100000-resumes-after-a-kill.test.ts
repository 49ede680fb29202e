import { expect, test } from 'vitest'
import { broadcastState, createBroadcastScenario, expectBroadcastComplete } from '../support/broadcast-scenario.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { scaled, writeLine } from './long-scale.ts'

/** Newcomers in the middle of the broadcast. */
const newcomers = 300
/** What the ten workers send when the newcomers' mails are written, and what has been claimed for them ahead. */
const inHand = 50

test('a broadcast to 100,000 killed in the middle reaches each recipient once, and does not delay the mails of new users', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const count = scaled(100_000, 5_000)
  const broadcast = await createBroadcastScenario(platform, fixture, count)
  const welcome = await platform.campaign()
  const people = await platform.crowd(welcome, newcomers)
  const settings = { LOG_LEVEL: 'info', MAIL_DEADLINE_MS: '5000' }
  const sent = (share: number) => () => fixture.smtp.counters.mails >= count * share || `${fixture.smtp.counters.mails} of ${count}`
  const patience = 300_000 + count * 10

  const began = performance.now()
  const first = fixture.daemon(settings)
  await first.ready()
  await broadcast.publish()
  await eventually('a third is sent', sent(1 / 3), patience)
  first.kill('SIGKILL')
  expect(await first.exited).toBe('SIGKILL')
  const cut = await broadcastState(fixture, broadcast)
  expect(cut.state).not.toBe('delivered')
  expect(cut.written).toBeLessThan(count)

  const second = fixture.daemon(settings)
  await second.ready()
  await eventually('half is sent', sent(1 / 2), patience)
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...welcome, ...person })))
  await eventually('the newcomers are accepted', async () => {
    const [row] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE campaign_id = $1', [
      welcome.campaignId,
    ])
    return row?.count === newcomers || String(row?.count)
  })
  // From here on all of them wait side by side with the broadcast's.
  const mark = fixture.smtp.mails.length
  const { written, sent: done } = await broadcastState(fixture, broadcast)
  await fixture.drained(patience)
  const seconds = (performance.now() - began) / 1000

  const isWelcome = new Set(people.map(({ email }) => email))
  const after = fixture.smtp.mails.slice(mark).map(({ recipients }) => isWelcome.has(recipients[0] ?? ''))
  const last = after.lastIndexOf(true)
  const overtaken = after.slice(0, last + 1).filter((welcomed) => !welcomed).length
  const doubled = await expectBroadcastComplete(fixture, broadcast)
  writeLine(`${count} recipients in ${seconds.toFixed(0)} s (${Math.round(count / seconds)} a second), ${doubled} twice after the kill`)
  writeLine(
    `${written - done} of its mails lay ready when ${newcomers} newcomers came; ${overtaken} of them went out before the last newcomer's`,
  )
  expect(written - done).toBeGreaterThan(500)
  // One claim in ten begins with the broadcast, so that it ends one day.
  expect(overtaken).toBeLessThanOrEqual(inHand + newcomers / 4)
  expect(fixture.smtp.mails.filter(({ recipients }) => isWelcome.has(recipients[0] ?? ''))).toHaveLength(newcomers)
})
