import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { startDemoScenarios } from './demo-scenarios.ts'
import { scaled, writeLine } from './long-scale.ts'

test('four daemons that join and leave for ten minutes under traffic: the effects equal those of the reference model', async () => {
  await using fixture = await createFixture({ partitions: 12, webhooks: { keepBodies: true } })
  await using scenarios = await startDemoScenarios(fixture, 6)
  const settings = { LOG_LEVEL: 'info', AMBIGUOUS_RETRY_MS: '2000' }
  const daemons = Array.from({ length: 4 }, () => fixture.daemon(settings))
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const until = Date.now() + scaled(600_000, 45_000)
  const isOver = () => Date.now() > until
  const counted = { stops: 0, kills: 0 }
  async function comeAndGo(): Promise<void> {
    for (let round = 0; !isOver(); round++) {
      const place = round % daemons.length
      const leaving = daemons[place]
      const isKill = round % 8 === 3
      leaving?.kill(isKill ? 'SIGKILL' : 'SIGTERM')
      expect(await leaving?.exited).toBe(isKill ? 'SIGKILL' : 0)
      counted[isKill ? 'kills' : 'stops']++
      const coming = fixture.daemon(settings)
      daemons[place] = coming
      // Now and then the next one leaves while this one is still joining.
      if (round % 3 !== 2) await coming.ready()
    }
  }
  await Promise.all([scenarios.publish(60, isOver), comeAndGo()])
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const { comparison, found, events } = await scenarios.compare(300_000)
  const [doubt] = await fixture.sql.query<{ mails: number; webhooks: number }>(
    `SELECT count(*) FILTER (WHERE ambiguous > 0)::int AS mails,
            count(*) FILTER (WHERE channel = 'webhook' AND attempt > 1)::int AS webhooks FROM worker.intents`,
  )
  writeLine(`${events} events, ${counted.stops} stops, ${counted.kills} kills`)
  writeLine(`mails ${comparison.mails.received} of ${comparison.mails.expected}, ${found.duplicateMails} twice, ${doubt?.mails} in doubt`)
  writeLine(`rewards ${comparison.rewards.delivered} of ${comparison.rewards.expected}, ${found.webhooks.repeated} webhooks twice`)
  writeLine(`positions ${comparison.positions.checked} checked, ${comparison.positions.wrong} wrong`)
  writeLine(`dead letters ${comparison.deadLetters.found} of ${comparison.deadLetters.expected}`)

  // A kill leaves mails and webhooks of which nobody knows whether they arrived: those alone, each marked, may come twice.
  expect(found.duplicateMails).toBeLessThanOrEqual(doubt?.mails ?? 0)
  expect(found.webhooks.repeated).toBeLessThanOrEqual(doubt?.webhooks ?? 0)
  expect(comparison.differences.filter((line) => !/a second time/.test(line))).toEqual([])
  for (const daemon of daemons) daemon.kill('SIGTERM')
  expect(await Promise.all(daemons.map((daemon) => daemon.exited))).toEqual([0, 0, 0, 0])
})
