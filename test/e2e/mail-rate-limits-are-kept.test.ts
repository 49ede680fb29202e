import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { doubledMails } from '../support/mixed-events.ts'

const relayRate = 20
const domainRate = 4

/** The most mails that the sink took in any second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length))
}

/**
 * What a rate allows in any second: its burst comes on top, and two seconds of it that busy processes may push together. Without a rate
 * nearly all mails go out in a second.
 */
const most = (rate: number, burst: number) => rate * 3 + burst

const atDomain = ({ smtp }: Fixture, domain: string) =>
  smtp.mails.filter(({ recipients }) => recipients[0]?.endsWith(`@${domain}`)).map(({ at }) => at)

test('mails due together keep to the rate of the relay, and those to a domain to its own rate, while others continue', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const addresses = [
    ...Array.from({ length: 24 }, (_, n) => `person-${n}@one.example`),
    ...Array.from({ length: 24 }, (_, n) => `person-${n}@two.example`),
    ...Array.from({ length: 80 }, (_, n) => `person@domain-${n}.example`),
  ]
  const people = []
  for (const email of addresses) people.push(await platform.person(campaign, { email }))
  await fixture.daemon({ MAIL_RATE_PER_SECOND: String(relayRate), MAIL_DOMAIN_RATE_PER_SECOND: String(domainRate) }).ready()
  // In their order: without a rate of their own the first domain's mails would all go first, at the rate of the relay.
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await fixture.drained()

  expect(fixture.smtp.mails).toHaveLength(addresses.length)
  expect(doubledMails(fixture)).toEqual([])
  expect(mostInASecond(fixture.smtp.mails.map(({ at }) => at))).toBeLessThanOrEqual(most(relayRate, 2))
  for (const domain of ['one.example', 'two.example']) {
    expect(mostInASecond(atDomain(fixture, domain))).toBeLessThanOrEqual(most(domainRate, domainRate))
  }
  // Nobody was put behind the domain that came first.
  const others = fixture.smtp.mails.filter(({ recipients }) => recipients[0]?.includes('@domain-')).map(({ at }) => at)
  expect(Math.min(...others)).toBeLessThan(Math.max(...atDomain(fixture, 'one.example')))
  expect(await fixture.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND attempt <> 1`)).toEqual([])
})
