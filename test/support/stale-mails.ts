import type { Fixture } from './fixture.ts'
import { Platform } from './platform.ts'

/** Variables of a daemon that sends no mail about what happened more than an hour ago. */
export const onlyFresh = { MAIL_MAX_EVENT_AGE_SECONDS: '3600' }

/** Publishes sign-ups of that age, and waits until a daemon has accepted them: mails that only a replay sends. */
export async function staleMails(fixture: Fixture, count: number): Promise<readonly { readonly userId: string; readonly email: string }[]> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, count)
  const timestamp = new Date(Date.now() - 3_700_000)
  await Promise.all(people.map((person) => fixture.publisher.publishUserSignedUp({ ...campaign, ...person, timestamp })))
  await fixture.drained()
  return people
}
