import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { createMixedEvents, doubledMails, wrongPositions } from '../support/mixed-events.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { replayIs, replayed } from '../support/replays.ts'
import { onlyFresh, staleMails } from '../support/stale-mails.ts'
import { workerctlFor } from '../support/workerctl-for.ts'
import { scaled, writeLine } from './long-scale.ts'

/** Live sign-ups by which the latency is measured. */
const SAMPLES = 40

test('a replay of 50,000 events of which 49,000 were handled does exactly what its dry run counted, beside live mails', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const [handled, missing] = [scaled(49_000, 1_000), scaled(1_000, 60)]
  const mixed = await createMixedEvents(platform, fixture, handled)
  const daemon = fixture.daemon({ ...onlyFresh, LOG_LEVEL: 'info' })
  await daemon.ready()
  await fixture.publisher.publishMany(mixed.events)
  await fixture.drained(600_000)
  await staleMails(fixture, missing)
  expect(fixture.smtp.counters.mails).toBe(mixed.mails)

  const live = await platform.campaign()
  const alone = await latency(fixture, platform, live)
  const before = fixture.smtp.counters.mails
  const range = ['--group', 'email-workers', '--from', 'earliest']
  const began = performance.now()
  const plan = await workerctlFor(fixture, 'replay', 'plan', ...range, '--json')
  writeLine(`planned ${handled + missing} events in ${Math.round((performance.now() - began) / 1_000)} s`)
  expect(JSON.parse(plan.out)).toMatchObject({ effects: missing })

  const id = await replayed(fixture, ...range, '--rate', '2000', '--confirm', String(missing), '--owner', 'ada', '--because', 'a test')
  await replayIs(fixture, id, 'running')
  const beside = await latency(fixture, platform, live)
  const done = await replayIs(fixture, id, 'done', 600_000)
  await fixture.drained(600_000)
  writeLine(`a live mail takes ${alone} ms alone and ${beside} ms beside the replay (median of ${SAMPLES}, from publishing to the relay)`)
  expect(done.counts).toEqual(done.plan.counts)
  expect(done.differences).toEqual([])
  expect(fixture.smtp.counters.mails).toBe(before + missing + SAMPLES)
  expect(doubledMails(fixture)).toEqual([])
  expect(await wrongPositions(fixture, 3)).toEqual([])
})

/** Milliseconds from publishing a sign-up to its mail, the median of several, one after the other. */
async function latency(fixture: Fixture, platform: Platform, campaign: Campaign): Promise<number> {
  const took: number[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    const person = await platform.person(campaign)
    const from = performance.now()
    await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
    await eventually('the mail is there', () => fixture.smtp.mails.some(({ recipients }) => recipients[0] === person.email) || 'not yet')
    took.push(performance.now() - from)
  }
  return Math.round(took.toSorted((a, b) => a - b)[Math.floor(SAMPLES / 2)] ?? 0)
}
